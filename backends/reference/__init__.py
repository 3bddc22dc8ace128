"""The meaning of the language in NumPy: the oracle of all tests and the evaluator of eager mode."""
