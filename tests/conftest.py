"""Makes the modules in this folder importable by all tests below it."""
