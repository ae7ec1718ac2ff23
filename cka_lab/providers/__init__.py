"""Places to practise."""
