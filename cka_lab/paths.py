"""Every folder the program uses. ``CKA_LAB_HOME`` overrides the platform's data folder."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """The data folder: database, labs, caches. Not created here."""
    if override := os.environ.get("CKA_LAB_HOME"):
        return Path(override).expanduser().absolute()
    import platformdirs  # costs 10 ms: not needed where the folder is named

    return Path(platformdirs.user_data_dir("cka-lab", appauthor=False))


def database() -> Path:
    """The SQLite file with sessions and results."""
    return home() / "cka-lab.sqlite3"


def labs(provider: str) -> Path:
    """Where a provider keeps the folders of its labs."""
    return home() / "labs" / provider


def cache() -> Path:
    """What can be made again: extracted binaries and the like."""
    return home() / "cache"


def log() -> Path:
    """The log file that error messages point to."""
    return home() / "cka-lab.log"


def make_private(folder: Path) -> Path:
    """Create ``folder`` for this user only (0700) and return it."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder
