"""Models and weights in files: one file per role, `public.py` for what people call."""
