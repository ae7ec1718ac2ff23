"""The built-in graders, one family a module."""
