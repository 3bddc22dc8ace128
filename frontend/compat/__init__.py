"""Other libraries' names for what is here; people import them from `graphc.compat`."""
