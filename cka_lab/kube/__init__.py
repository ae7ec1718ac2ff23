"""The Kubernetes API of a lab, as graders ask it."""
