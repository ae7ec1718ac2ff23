"""Where tests run: the providers that are here, each with a home of its own that is removed afterwards."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import pytest

ETCD36 = os.environ.get("CKA_LAB_TEST_ETCD36", "")
PLACES = ["fake", "sandbox-3.5", "sandbox-3.6"]
SANDBOXES = PLACES[1:]


def why_not(place: str) -> str:
    """Why a place is not here, or an empty string."""
    if place == "fake":
        return ""
    if place == "sandbox-3.6" and not ETCD36:
        return "no etcd 3.6: CKA_LAB_TEST_ETCD36 names no folder (scripts/build-etcd makes one)"
    from cka_lab.providers.sandbox import SandboxProvider

    with home(place):
        return "; ".join(p.what for p in SandboxProvider().info().problems)


@contextmanager
def home(place: str) -> Iterator[Path]:
    """A data folder for one test, with the place's etcd; every lab in it is removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="cka-lab-test-"))
    env = {"CKA_LAB_HOME": str(folder), "CKA_LAB_ETCD_DIR": ETCD36 if place == "sandbox-3.6" else ""}
    try:
        with mock.patch.dict(os.environ, env):
            yield folder
            if place != "fake":
                from cka_lab.providers.sandbox import SandboxProvider

                for lab in SandboxProvider().labs():
                    SandboxProvider().delete(lab)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def need(place: str) -> None:
    """Skip the calling test, and say why, where the place is not here."""
    if why := why_not(place):
        pytest.skip(f"{place}: {why}")


def make_provider(place: str):
    if place == "fake":
        from cka_lab.providers.fake import FakeProvider

        return FakeProvider()
    from cka_lab.providers.sandbox import SandboxProvider

    return SandboxProvider()
