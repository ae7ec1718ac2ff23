"""Running processes: their command lines and users."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from cka_lab.api import LabView, Mismatch, Process, flags_of, grader
from graders._settle import settle
from graders._users import user_name
from graders.static_pod import wrong_flags

WRAPPERS = ("bwrap", "containerd-shim-runc-v2", "containerd-shim", "conmon")
"""Programs that carry another's command line in their own."""


@grader("process")
def process(
    lab: LabView,
    *,
    match: str,
    args: Mapping[str, str | int | bool | None] | None = None,
    absent_args: Sequence[str] = (),
    user: str | None = None,
    node: str | None = None,
) -> Mismatch | None:
    """Every process whose program is called ``match`` (or, if it holds a blank or a slash, whose command line holds it)
    runs with these flags, without ``absent_args``, as ``user``. One at least must run.

    Evidence is /proc, not a manifest or a unit: a flag that was edited but never took effect does not count.
    """
    settle(lab, node)
    place = lab.node(node)
    found = [p for p in place.processes() if _matches(p, match)]
    if not found:
        return Mismatch(f"no process {match} runs", "a running process", "none")
    for one in found:
        if mismatch := wrong_flags(one.argv, args or {}):
            return mismatch
        flags = flags_of(one.argv[1:])
        if given := [flag for flag in absent_args if flag.lstrip("-") in flags]:
            return Mismatch(
                f"{match} runs with --{given[0].lstrip('-')}", "without it", f"={flags[given[0].lstrip('-')]}"
            )
        if user is not None and (name := user_name(place, one.uid)) != user:
            return Mismatch(f"{match} runs as another user", user, name)
    return None


def _matches(process: Process, match: str) -> bool:
    if not process.argv or PurePosixPath(process.argv[0]).name in WRAPPERS:
        return False
    if " " in match or "/" in match:
        return match in " ".join(process.argv)
    return PurePosixPath(process.argv[0]).name == match
