"""What this machine lacks for a sandbox, each with the exact fix."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from cka_lab import container
from cka_lab.api import Problem
from cka_lab.errors import NotAvailable
from cka_lab.providers.sandbox import launch

NEEDED_DISK = 300 << 20
"""Bytes: two labs."""


def problems(folder: Path) -> Iterator[Problem]:
    """Everything missing; ``folder`` is where labs will lie."""
    if not sys.platform.startswith("linux"):
        yield Problem("not Linux", "the sandbox is made of Linux namespaces", "use a Linux machine or virtual machine")
        return
    missing = [name for name in ("bwrap", "setsid", "setpriv") if not shutil.which(name)]
    if "bwrap" in missing:
        yield Problem(
            "bubblewrap is missing", "it makes the sandbox's namespaces", "apt-get install bubblewrap",
            ("apt-get", "install", "-y", "bubblewrap"),
        )  # fmt: skip
    elif missing:
        yield Problem(f"{', '.join(missing)} missing", "the sandbox starts by it", "apt-get install util-linux")
    elif why := _refused():
        yield _blocked(why)
    free = free_disk(folder)
    if free < NEEDED_DISK:
        yield Problem(
            f"only {free >> 20} MB free at {folder}", "a lab takes about 130 MB",
            "free some space, or set CKA_LAB_HOME to a folder on another disk",
        )  # fmt: skip


def no_etcd(error: NotAvailable) -> Problem:
    return Problem(error.message, "the sandbox runs a real etcd", error.fix)


@cache
def _refused() -> str:
    """What bubblewrap says when it can't make namespaces here; empty when it can. Costs 10 ms, once."""
    try:
        done = subprocess.run(launch.probe(), capture_output=True, text=True, timeout=10, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.returncode == 0 else done.stderr.strip() or f"exit {done.returncode}"


def _blocked(why: str) -> Problem:
    what = f"namespaces can't be made here ({why})"
    matters = "the sandbox is made of user namespaces"
    if container.inside():
        return _blocked_in_container(what, matters)
    if _setting(RESTRICTED) == "1":
        return Problem(what, f"{matters}, and AppArmor allows them to named programs only", APPARMOR)
    if setting := _switched_off():
        return Problem(what, matters, f"as root: sysctl -w {setting}", ("sysctl", "-w", setting))
    return Problem(what, matters, "ask whoever runs this machine to allow unprivileged user namespaces")


def _blocked_in_container(what: str, matters: str) -> Problem:
    """What the host forbids and what the container was started with: nothing of that is mended from inside."""
    steps = []
    if setting := f"{RESTRICTED.replace('/', '.')}=0" if _setting(RESTRICTED) == "1" else _switched_off():
        steps.append(f"on the host, as root: sysctl -w {setting}")
    if held := container.confined():
        matters = f"{matters}, and this container is held by docker's {' and '.join(held)}"
        steps.append(f"start the container by: {container.line_of_this()}")
    else:
        steps = steps or ["ask whoever runs the host to allow unprivileged user namespaces in containers"]
    return Problem(what, matters, "; then ".join(steps))


def _switched_off() -> str:
    """The setting that allows user namespaces, where one forbids them."""
    for name, value in (("kernel/unprivileged_userns_clone", "1"), ("user/max_user_namespaces", "10000")):
        if _setting(name) == "0":
            return f"{name.replace('/', '.')}={value}"
    return ""


def _setting(name: str) -> str:
    try:
        return Path("/proc/sys", name).read_text().strip()
    except OSError:
        return ""


def free_disk(folder: Path) -> int:
    """Bytes that are free where ``folder`` is, or will be."""
    while not folder.exists():
        folder = folder.parent
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


APPARMOR = """\
as root, allow them to bubblewrap:
      printf 'abi <abi/4.0>,\\ninclude <tunables/global>\\nprofile bwrap /usr/bin/bwrap flags=(unconfined) {\\n  userns,\\n}\\n' > /etc/apparmor.d/bwrap
      apparmor_parser -r /etc/apparmor.d/bwrap
    or for all programs: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"""  # noqa: E501
RESTRICTED = "kernel/apparmor_restrict_unprivileged_userns"
