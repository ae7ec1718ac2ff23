"""Where tests run: the providers that are here, each with a home of its own that is removed afterwards."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from unittest import mock

import pytest

ETCD36 = os.environ.get("CKA_LAB_TEST_ETCD36", "")
SANDBOXES = ["sandbox-3.5", "sandbox-3.6"]
PLACES = ["fake", *SANDBOXES, "kind"]


def why_not(place: str) -> str:
    """Why a place is not here, or an empty string."""
    if place == "fake":
        return ""
    if place == "sandbox-3.6" and not ETCD36:
        return "no etcd 3.6: CKA_LAB_TEST_ETCD36 names no folder (scripts/build-etcd makes one)"
    if place == "kind":
        return why_no_kind()
    if place == "image":
        return why_no_image()
    from cka_lab.providers.sandbox import SandboxProvider

    with home(place):
        return "; ".join(p.what for p in SandboxProvider().info().problems)


@lru_cache
def why_no_kind() -> str:
    """Docker, kind and a node image must be here already; nothing is pulled by a test."""
    from cka_lab.errors import NotAvailable
    from cka_lab.providers.kind import KindProvider, image

    if problems := KindProvider().info().problems:
        return "; ".join(p.what for p in problems)
    try:
        return "" if image.is_here(image.wanted()) else f"no image {image.wanted()} (CKA_LAB_NODE_IMAGE names another)"
    except NotAvailable as error:
        return error.message


@lru_cache
def why_no_image() -> str:
    """Docker's engine and command, kind's to put in, and a base image that can be made without a registry."""
    from cka_lab.errors import NotAvailable
    from cka_lab.providers.kind.engine import engine
    from tests import base_image

    if missing := [name for name in ("docker", "kind") if not shutil.which(name)]:
        return f"no {' and no '.join(missing)} here"
    try:
        engine()
    except NotAvailable as error:
        return error.message
    return base_image.why_not()


@contextmanager
def home(place: str) -> Iterator[Path]:
    """A data folder with the place's etcd; every lab in it is removed at the end. Tests on kind share one for the whole
    run, with a pool, so that they hand their clusters on: see end_of_run().
    """
    shared = place == "kind"
    folder = KIND_HOME if shared else Path(tempfile.mkdtemp(prefix="cka-lab-test-"))
    env = {
        "CKA_LAB_HOME": str(folder), "CKA_LAB_ETCD_DIR": ETCD36 if place == "sandbox-3.6" else "",
        "CKA_LAB_POOL": "1" if shared else "off",
    }  # fmt: skip
    try:
        with mock.patch.dict(os.environ, env):
            if shared and not folder.exists():
                sweep()
                folder.mkdir(mode=0o700)
            yield folder
            if place != "fake":
                provider = make_provider(place)
                for lab in provider.labs():
                    provider.retire(lab)
    finally:
        if not shared:
            shutil.rmtree(folder, ignore_errors=True)


KIND_HOME = Path(tempfile.gettempdir()) / f"cka-lab-test-kind-{os.getpid()}"


def sweep() -> None:
    """Remove what runs that were killed have left: a home says whose it is."""
    for folder in KIND_HOME.parent.glob("cka-lab-test-kind-*"):
        if not Path(f"/proc/{folder.name.rsplit('-', 1)[1]}").exists():
            _remove_kind_home(folder)


def end_of_run() -> None:
    if KIND_HOME.exists():
        _remove_kind_home(KIND_HOME)


def _remove_kind_home(folder: Path) -> None:
    with mock.patch.dict(os.environ, {"CKA_LAB_HOME": str(folder), "CKA_LAB_POOL": "off"}):
        provider = make_provider("kind")
        provider.drop_spares()
        for lab in provider.labs():
            provider.delete(lab)
    shutil.rmtree(folder, ignore_errors=True)


def need(place: str) -> None:
    """Skip the calling test, and say why, where the place is not here."""
    if why := why_not(place):
        if os.environ.get("CI") == "true":
            pytest.fail(f"{place} must be here in CI: {why}")
        pytest.skip(f"{place}: {why}")


def make_provider(place: str):
    if place == "fake":
        from cka_lab.providers.fake import FakeProvider

        return FakeProvider()
    if place == "kind":
        from cka_lab.providers.kind import KindProvider

        return KindProvider()
    from cka_lab.providers.sandbox import SandboxProvider

    return SandboxProvider()
