"""Objects of the API: there or not, their fields, and whether they are the very ones of the start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cka_lab.api import LabFailure, LabView, Mark, MarkName, Mismatch, digest, grader, object_key
from graders._fields import wrong_fields
from graders._kube import Api, called, selector


@grader("resource")
def resource(
    lab: LabView,
    *,
    kind: str,
    name: str | None = None,
    labels: Mapping[str, str] | None = None,
    namespace: str | None = None,
    exists: bool = True,
    count: int | None = None,
    fields: Mapping[str, Any] | None = None,
    same: MarkName | None = None,
) -> Mismatch | None:
    """An object is there (or, with ``exists: false``, is not), or ``count`` objects with these ``labels`` are; each of
    its ``fields`` (PATH: MATCHER, see _fields) is as asked; it is the ``same`` as a recorded one, by its uid.

    One object is read by GET, never from a list. An object that is being deleted counts as gone. With the API server
    down this can't be told: ERROR.
    """
    api = Api(lab)
    if name is None:
        return _many(api, kind, namespace, labels or {}, exists, count, fields or {})
    found = api.get(kind, name, namespace)
    what = called(kind, name, namespace)
    if found and "deletionTimestamp" in found["metadata"]:
        found = None
    if not exists:
        return Mismatch(f"{what} must not be there", "nothing", "it is there") if found else None
    if found is None:
        return Mismatch(f"{what} does not exist", "it exists", "nothing")
    if same and (uid := uid_of(lab.marks[same], kind, name, namespace)) != found["metadata"].get("uid"):
        return Mismatch(f"{what} is not the one of the start", f"uid {uid}", f"uid {found['metadata'].get('uid')}")
    return next(
        (
            Mismatch(f"{what}: {path} is not as asked", wanted, seen)
            for path, wanted, seen in wrong_fields(found, fields or {})
        ),
        None,
    )


def _many(
    api: Api, kind: str, namespace: str | None, labels: Mapping[str, str], exists: bool, count: int | None,
    fields: Mapping[str, Any],
) -> Mismatch | None:  # fmt: skip
    found = [o for o in api.list(kind, namespace, selector(labels)) if "deletionTimestamp" not in o["metadata"]]
    what = f"{kind} with {selector(labels) or 'any labels'}" + (f" in {namespace}" if namespace else "")
    if not exists and found:
        return Mismatch(f"{what} must not be there", "none", ", ".join(o["metadata"]["name"] for o in found[:5]))
    if exists and count is None and not found:
        return Mismatch(f"{what} does not exist", "one at least", "none")
    if count is not None and len(found) != count:
        return Mismatch(f"the number of {what} is wrong", str(count), str(len(found)))
    for one in found:
        for path, wanted, seen in wrong_fields(one, fields):
            return Mismatch(f"{kind} {one['metadata']['name']}: {path} is not as asked", wanted, seen)
    return None


def uid_of(mark: Mark, kind: str, name: str, namespace: str | None) -> str:
    """The uid that a mark recorded of an object. LabFailure where it recorded none."""
    uid = mark.facts.get("objects", {}).get(object_key(kind, name, namespace), {}).get("uid")
    if uid is None:
        raise LabFailure(f"the mark {mark.name} holds no {called(kind, name, namespace)}")
    return str(uid)


@grader("unchanged")
def unchanged(lab: LabView, *, mark: MarkName) -> Mismatch | None:
    """Every object that a mark recorded (`record` with what: objects) is there still: the very same one (uid), with the
    same spec and data. For guards: nothing else broke.
    """
    return next(_changes(Api(lab), lab.marks[mark]), None)


def _changes(api: Api, mark: Mark) -> Iterator[Mismatch]:
    for key, about in mark.facts["objects"].items():
        kind, namespace, name = key.split("/", 2)
        found = api.get(kind, name, namespace or None)
        what = called(kind, name, namespace or None)
        if found is None:
            yield Mismatch(f"{what} is gone", "it is as it was", "nothing")
        elif found["metadata"].get("uid") != about["uid"]:
            yield Mismatch(f"{what} was made anew", "the one of the start", "another one of that name")
        elif "digest" in about and about["digest"] != digest(found):
            yield Mismatch(f"{what} was changed", "it is as it was", "another spec or other data")
