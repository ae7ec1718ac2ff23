"""What runs inside a sandbox node: pid 1, static-pod supervisor and the host's hands. Standard library and PyYAML."""
