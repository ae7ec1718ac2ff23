"""The full-screen program: the only place that knows Textual."""
