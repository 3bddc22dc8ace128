"""A compiled plan at work: its table, its memory, the interpreter, the threads."""
