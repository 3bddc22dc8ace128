"""Modules that Keras's tests import from Keras, served by graphc."""
