"""Fields of objects: where they are, and whether they are as asked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from cka_lab.api import LabFailure

STEP = re.compile(r"\.?([^.\[\]]+)|\[([^\]]*)\]")
UNITS: dict[str, Decimal | int] = {
    "": 1, "m": Decimal("0.001"), "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40,
}  # fmt: skip
SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
MISSING = object()


def find(root: Any, path: str) -> Any:
    """What lies at ``spec.containers[0].image``, ``spec.containers[name=web].image`` or
    ``metadata.labels[app.kubernetes.io/name]``; MISSING where nothing does.
    """
    at = root
    for plain, inside in STEP.findall(path):
        at = _step(at, plain or inside)
        if at is MISSING:
            break
    return at


def _step(at: Any, word: str) -> Any:
    if isinstance(at, Mapping):
        return at.get(word, MISSING)
    if isinstance(at, Sequence) and not isinstance(at, str):
        if word.lstrip("-").isdigit():
            return at[int(word)] if -len(at) <= int(word) < len(at) else MISSING
        key, equals, value = word.partition("=")
        if equals:
            return next((i for i in at if isinstance(i, Mapping) and str(i.get(key)) == value), MISSING)
    return MISSING


def wrong_fields(root: Any, fields: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Path, what is expected and what was found of each field that does not match.

    A matcher is a plain value (quantities such as 0.5 and 500m are equal), or a mapping with one of: one_of, at_least,
    at_most, contains, lacks, absent (true), duration (90s equals 1m30s).
    """
    for path, matcher in fields.items():
        found = find(root, path)
        if not _matches(found, matcher):
            yield path, _told(matcher), "nothing" if found is MISSING else _told(found)


def _matches(found: Any, matcher: Any) -> bool:
    if not isinstance(matcher, Mapping):
        return found is not MISSING and _equal(found, matcher)
    if len(matcher) != 1:
        raise LabFailure(f"a matcher has one key, not {', '.join(map(str, matcher)) or 'none'}")
    ((how, wanted),) = matcher.items()
    if how == "absent":
        empty = found is MISSING or found in (None, "", [], {})
        return bool(empty) == bool(wanted)
    if found is MISSING:
        return bool(how == "lacks")
    return _by(str(how), found, wanted)


def _by(how: str, found: Any, wanted: Any) -> bool:
    if how == "one_of":
        return any(_equal(found, value) for value in wanted)
    if how in ("at_least", "at_most"):
        left, right = quantity(found), quantity(wanted)
        if left is None or right is None:
            return False
        return left >= right if how == "at_least" else left <= right
    if how in ("contains", "lacks"):
        return _holds(found, wanted) == (how == "contains")
    if how == "duration":
        seconds = duration(found)
        return seconds is not None and seconds == duration(wanted)
    raise LabFailure(f"there is no matcher {how!r}: one_of, at_least, at_most, contains, lacks, absent, duration")


def _holds(found: Any, wanted: Any) -> bool:
    if isinstance(found, str):
        return str(wanted) in found
    if isinstance(found, Mapping):
        return isinstance(wanted, Mapping) and all(k in found and _equal(found[k], v) for k, v in wanted.items())
    if isinstance(wanted, Mapping):
        return any(isinstance(i, Mapping) and _holds(i, wanted) for i in found)
    return any(_equal(item, wanted) for item in found)


def _equal(found: Any, wanted: Any) -> bool:
    if found == wanted:
        return True
    if isinstance(wanted, Mapping) or isinstance(found, Mapping | list | tuple | bool) or isinstance(wanted, bool):
        return bool(_plain(found) == _plain(wanted))
    left, right = quantity(found), quantity(wanted)
    return str(found) == str(wanted) or bool(left is not None and left == right)


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value, default=lambda other: list(other) if isinstance(other, tuple) else dict(other)))


def quantity(value: Any) -> Decimal | None:
    """A number or a quantity of the API (500m, 1Gi); None for what is neither."""
    found = re.fullmatch(r"([-+]?[\d.]+(?:[eE]\d+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?", str(value).strip())
    if found is None:
        return None
    try:
        return Decimal(found[1]) * UNITS[found[2] or ""]
    except InvalidOperation:
        return None


def duration(value: Any) -> float | None:
    """Seconds of 90, 90s, 1m30s; None for what is no duration."""
    text = str(value).strip()
    if text.isdigit():
        return float(text)
    parts = re.findall(r"([\d.]+)(ms|s|m|h)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return float(sum(float(number) * SECONDS[unit] for number, unit in parts))


def _told(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
