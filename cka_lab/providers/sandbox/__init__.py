"""The embedded provider: real etcd, TLS and static pods in Linux namespaces, without Docker."""

from cka_lab.providers.sandbox.provider import SandboxProvider

__all__ = ["SandboxProvider"]
