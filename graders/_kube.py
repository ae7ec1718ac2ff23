"""Asking the API server in graders: what it says, and what it means when it does not answer."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cka_lab.api import KubeClient, LabFailure, LabView, NotServed, kube

Object = Mapping[str, Any]


class Api:
    """The API server of a lab, for checks that can't tell anything without it: its silence is ERROR, not FAIL."""

    def __init__(self, lab: LabView, node: str | None = None) -> None:
        self._client: KubeClient = kube(lab, node)

    def get(self, kind: str, name: str, namespace: str | None = None) -> Object | None:
        try:
            return self._client.get(kind, name, namespace)
        except NotServed as error:
            raise _unanswered(error) from error

    def list(self, kind: str, namespace: str | None = None, labels: str = "", fields: str = "") -> tuple[Object, ...]:
        try:
            return tuple(self._client.list(kind, namespace, labels, fields))
        except NotServed as error:
            raise _unanswered(error) from error


def _unanswered(error: NotServed) -> LabFailure:
    return LabFailure(f"the API server does not answer ({error.why}), so this can't be told")


def seconds_since(moment: str | None) -> float:
    """Since a time of the API; infinite where there is none."""
    if not moment:
        return float("inf")
    return time.time() - datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()


def selector(labels: Mapping[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))


def called(kind: str, name: str, namespace: str | None) -> str:
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"
