"""What curves of training mean, and what to do about it."""

from __future__ import annotations

from .advice import Label
from .bias import bias_and_variance
from .diagnosis import diagnose
from .report import Finding, Report

__all__ = ["Finding", "Label", "Report", "bias_and_variance", "diagnose"]
