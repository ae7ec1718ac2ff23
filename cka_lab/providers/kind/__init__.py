"""Real Kubernetes clusters in docker containers, made by kind."""

from cka_lab.providers.kind.provider import KindProvider

__all__ = ["KindProvider"]
