"""Layers that walk along a sequence: cells, the loop around them, and wrappers."""

from __future__ import annotations

from .cells import Cell, GRUCell, LSTMCell, SimpleRNNCell, StackedRNNCells
from .layers import GRU, LSTM, SimpleRNN
from .rnn import RNN
from .wrappers import Bidirectional, TimeDistributed

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Bidirectional",
    "Cell",
    "GRUCell",
    "LSTMCell",
    "SimpleRNN",
    "SimpleRNNCell",
    "StackedRNNCells",
    "TimeDistributed",
]
