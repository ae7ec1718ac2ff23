"""Screens at rest: a frozen clock, fakes that answer at once, and waiting for text instead of for time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.snapshot.fakes import FakeLabs


@pytest.fixture
def labs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeLabs:
    monkeypatch.setenv("CKA_LAB_HOME", "/home/me/cka-lab")
    monkeypatch.setattr("cka_lab.tui.widgets.steps.monotonic", lambda: 0.0)
    monkeypatch.setattr("cka_lab.tui.screens.procedure.monotonic", lambda: 0.0)
    return FakeLabs(tmp_path / "scenario")
