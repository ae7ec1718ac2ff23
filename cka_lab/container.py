"""When we run in a container: how it has to be started. README tells the same line and what each option is for."""

from __future__ import annotations

from pathlib import Path

IMAGE = "cka-lab"
SOCKET = "/var/run/docker.sock"
GROUP = f"$(stat -c %g {SOCKET})"
OPTIONS = ("seccomp", "systempaths", "apparmor")
"""Confinements that forbid the sandbox its namespaces, as --security-opt names them."""


def inside() -> bool:
    """Does this program run in a container?"""
    return Path("/.dockerenv").exists() or Path("/run/.containerenv").exists()


def confined() -> list[str]:
    """Those of OPTIONS that hold this process, so that it was started without them."""
    seccomp = any(line.split() == ["Seccomp:", "2"] for line in _read("/proc/self/status").splitlines())
    masks = any(line.split()[4].startswith("/proc/") for line in _read("/proc/self/mountinfo").splitlines())
    apparmor = "(enforce)" in _read("/proc/self/attr/current")
    found = {"seccomp": seccomp, "systempaths": masks, "apparmor": apparmor}
    return [name for name in OPTIONS if found[name]]


def line(*, socket: bool) -> str:
    """The command that starts it rightly, to be typed on the host; ``socket``: with docker's, for kind.

    The socket's group is a number where we are in a container that sees it, else the question for it.
    """
    words = ["docker run -it --rm --name", IMAGE, *(f"--security-opt {name}=unconfined" for name in OPTIONS)]
    words += ["-v", f"{IMAGE}:/data"]
    if socket:
        words += ["-v", f"{SOCKET}:{SOCKET}", "--group-add", _group()]
    return " ".join([*words, IMAGE])


def line_of_this() -> str:
    """The same, with the socket where this container has it."""
    return line(socket=Path(SOCKET).exists())


def _group() -> str:
    try:
        return str(Path(SOCKET).stat().st_gid) if inside() else GROUP
    except OSError:
        return GROUP


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
