"""The warm pool: clusters whose lab is over, put back to how they were when new, and kept for the next one.

Folder: ``labs/kind/.pool/CLUSTER``, as a lab's own folder, with a file ``fresh`` when the cluster is as new, and
``labs/kind/.pool/CLUSTER.lock``, held by whoever works on it. A cluster is given away by one rename of its folder.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cka_lab import paths, proc
from cka_lab.api import Spare
from cka_lab.errors import CkaLabError, LabFailure
from cka_lab.providers.kind import preflight
from cka_lab.providers.kind.cluster import KindCluster
from cka_lab.providers.kind.containers import remove_all
from cka_lab.providers.kind.state import State
from cka_lab.wait import Progress

SETTING = "CKA_LAB_POOL"
DEFAULT = 1
OFF = ("off", "no", "false", "0")
FRESH = "fresh"
SPARE_MIB = 1024
"""Memory that must be free beside the clusters kept."""
RENEWED_WITHIN = 120.0


def size() -> int:
    """How many clusters are kept at most. LabFailure where the setting can't be read."""
    text = os.environ.get(SETTING, str(DEFAULT)).strip().lower()
    if text in OFF:
        return 0
    if text == "on" or not text:
        return DEFAULT
    if text.isdigit():
        return int(text)
    raise LabFailure(f"{SETTING} is {text!r}", fix="set it to off, or to the number of clusters to keep ready")


def root() -> Path:
    return paths.labs("kind") / ".pool"


def folders() -> list[Path]:
    """Of the clusters kept, the oldest first."""
    if not root().is_dir():
        return []
    every = [entry for entry in root().iterdir() if entry.is_dir()]
    return sorted(every, key=lambda entry: entry.stat().st_mtime)


def spares() -> list[Spare]:
    return [Spare(folder.name, _called(State.load(folder)), (folder / FRESH).exists()) for folder in folders()]


def _called(state: State) -> str:
    """The shape in words."""
    spec = state.spec
    parts = [(spec.control_planes, "control plane"), (spec.workers, "worker"), (spec.unjoined, "unjoined machine")]
    return ", ".join(f"{number} {word}{'s' if number > 1 else ''}" for number, word in parts if number)


# -- taking one ------------------------------------------------------------------------------------------------


def take(wanted: State, folder: Path, progress: Progress) -> KindCluster | None:
    """A cluster as new of the wanted shape, in ``folder`` from now on; None where there is none."""
    for kept in folders():
        if State.load(kept).shape != wanted.shape:
            continue
        with suppress(CkaLabError), progress.step("taking over a warm cluster"), locked(kept, progress):
            if not kept.is_dir():
                continue
            if not _is_fresh(kept):
                renew(kept, progress)
            (kept / FRESH).unlink()
            kept.rename(folder)
            _lock_file(kept).unlink(missing_ok=True)
            state = State.load(folder)
            state.spec = wanted.spec
            state.save(folder)
            return KindCluster(folder, state)
        progress.check()
        remove(kept)
    return None


def _is_fresh(folder: Path) -> bool:
    cluster = KindCluster(folder, State.load(folder))
    return (folder / FRESH).exists() and cluster.alive() and cluster.api_ready()


# -- giving one back -------------------------------------------------------------------------------------------


def keep(folder: Path) -> bool:
    """Take a lab's cluster over when there is room; it is put in order by a process of its own. False: not wanted."""
    state = State.load(folder)
    cluster = KindCluster(folder, state)
    if size() < 1 or not state.cluster or not cluster.pristine.exists() or not cluster.alive():
        return False
    if (free := preflight.available_mib()) is not None and free < SPARE_MIB:
        return False
    for old in folders()[: max(0, len(folders()) + 1 - size())]:
        remove(old)
    kept = paths.make_private(root()) / state.cluster
    shutil.rmtree(folder / "baseline", ignore_errors=True)
    folder.rename(kept)
    kept.touch()
    proc.detach([sys.executable, "-P", "-m", "cka_lab.providers.kind.pool", str(kept)], log=paths.log())
    return True


def renew(folder: Path, progress: Progress) -> None:
    """Put a cluster back to how it was when new. Holds its lock already. LabFailure where that can't be shown."""
    cluster = KindCluster(folder, State.load(folder))
    cluster.put_back(cluster.pristine, progress)
    cluster.wait_ready(progress)
    cluster.kubelets_know(progress)
    (folder / FRESH).touch()


def remove(folder: Path) -> None:
    """Remove a cluster of the pool whole, also while somebody works on it."""
    cluster = State.load(folder).cluster or folder.name
    remove_all(cluster)
    shutil.rmtree(folder, ignore_errors=True)
    _lock_file(folder).unlink(missing_ok=True)


@contextmanager
def locked(folder: Path, progress: Progress) -> Iterator[None]:
    """Alone at a cluster of the pool; waits for whoever is at it."""
    from cka_lab.wait import until

    with _lock_file(folder).open("w") as file:

        def free() -> bool:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True

        until(free, "the warm cluster", timeout=RENEWED_WITHIN, every=0.05, cancel=progress.cancel)
        yield


def _lock_file(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")


def main() -> None:
    """The process that puts one cluster in order after a lab: `python -m cka_lab.providers.kind.pool FOLDER`."""
    folder = Path(sys.argv[1])
    progress = Progress()
    with locked(folder, progress):
        if not folder.is_dir():  # somebody was quicker
            return
        try:
            renew(folder, progress)
        except Exception as error:  # also when `clean` took the folder away meanwhile
            print(f"the warm cluster {folder.name} was given up: {error}", file=sys.stderr)  # noqa: T201
            remove(folder)


if __name__ == "__main__":
    main()
