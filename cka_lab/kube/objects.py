"""What an object of the API says of itself, and what makes it the one that it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def object_key(kind: str, name: str, namespace: str | None) -> str:
    """How marks name an object: KIND/NAMESPACE/NAME, the namespace empty where there is none."""
    return f"{kind}/{namespace or ''}/{name}"


def digest(found: Mapping[str, Any]) -> str:
    """Of all that people write in an object: not its status, nor what controllers keep in its metadata."""
    own = {k: v for k, v in found.items() if k not in ("status", "metadata", "apiVersion", "kind")}
    if labels := found["metadata"].get("labels"):
        own["labels"] = labels
    return hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()


def condition(found: Mapping[str, Any], kind: str) -> str:
    """The status of one of its conditions: True, False, Unknown; empty where there is none."""
    conditions = found.get("status", {}).get("conditions") or []
    return next((str(c.get("status", "")) for c in conditions if c.get("type") == kind), "")
