"""cka-lab: a practice lab for the Certified Kubernetes Administrator exam."""

__version__ = "0.1.0"
