"""The built-in faults and set-up steps, one family a module."""
