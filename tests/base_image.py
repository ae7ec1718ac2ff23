"""A base image for the Dockerfile, made without a registry: Debian by debootstrap, laid out as the official Python's.

That layout has Python in /usr/local and none in /usr/bin, which is another way through the sandbox than Debian's own.
The image brings along what this machine needs to reach its package registries (apt, pip, certificates), so that the
Dockerfile knows nothing of it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

SUITE = "trixie"
PACKAGES = "ca-certificates,python3,python3-venv"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cka-lab-tests" / "base"
AUTHORITIES = "usr/local/share/ca-certificates"
LAYOUT = """
set -e
cd "$1"
cp -a usr/lib/python3.* usr/local/lib/
mv usr/bin/python3* usr/local/bin/
rm -rf usr/lib/python3.*
rm -rf var/cache/apt/archives/*.deb var/lib/apt/lists/* usr/share/doc usr/share/man usr/share/locale
chroot . update-ca-certificates >/dev/null
tar --numeric-owner -cf "$2" .
"""


def why_not() -> str:
    """Why no base image can be made here; empty where it can."""
    if os.geteuid() != 0:
        return "debootstrap needs root"
    if not shutil.which("debootstrap"):
        return "debootstrap is not installed"
    return "" if mirror() else "apt names no Debian mirror here"


def mirror() -> str:
    """The Debian mirror that this machine's apt uses."""
    if not shutil.which("apt-get"):
        return ""
    argv = ["apt-get", "indextargets", "--format", "$(SUITE) $(REPO_URI)", "Created-By: Packages", "Origin: Debian"]
    lines = subprocess.run(argv, capture_output=True, text=True).stdout.splitlines()
    return next((line.split()[1] for line in lines if "-" not in line.split()[0]), "")


def archive() -> Path:
    """Its root file system as a tar file: about a minute the first time, then kept in the cache of this user."""
    parts = [Path(__file__).read_bytes(), mirror().encode(), *(file.read_bytes() for file in _settings().values())]
    CACHE.mkdir(parents=True, exist_ok=True)
    kept = CACHE / f"{hashlib.sha256(b''.join(parts)).hexdigest()[:16]}.tar"
    if not kept.exists():
        with tempfile.TemporaryDirectory(dir=CACHE) as work:
            _make(Path(work, "root"), Path(work, "base.tar"))
            for old in CACHE.glob("*.tar"):
                old.unlink()
            Path(work, "base.tar").rename(kept)
    return kept


def _settings() -> dict[str, Path]:
    """Files of this machine, by where they go: how its package registries are reached."""
    found = {f"{AUTHORITIES}/{file.name}": file for file in Path("/", AUTHORITIES).glob("*.crt")}
    found |= {f"etc/apt/apt.conf.d/{file.name}": file for file in Path("/etc/apt/apt.conf.d").glob("99*")}
    pip = Path("/etc/pip.conf")
    return found | ({"etc/pip.conf": pip} if pip.exists() else {})


def _make(root: Path, tar: Path) -> None:
    argv = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(root), mirror()]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
    for name, file in _settings().items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, root / name)
    subprocess.run(["bash", "-c", LAYOUT, "layout", str(root), str(tar)], check=True)
