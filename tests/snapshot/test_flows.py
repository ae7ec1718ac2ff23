"""What a learner can do on the screens, by keys and by mouse, with labs that answer at once."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from cka_lab.errors import LabGone
from cka_lab.session import Phase
from cka_lab.tui.app import CkaLabApp
from cka_lab.tui.screens.home import Home
from cka_lab.tui.screens.lab import LabScreen
from tests.snapshot.driving import screen_text, seen, until
from tests.snapshot.fakes import NOW, FakeLabs

Open = Callable[..., AbstractAsyncContextManager[Pilot[Any]]]


@pytest.fixture
def home(labs: FakeLabs) -> Open:
    @asynccontextmanager
    async def open_home(size: tuple[int, int] = (80, 24)) -> AsyncIterator[Pilot[Any]]:
        async with CkaLabApp(labs).run_test(size=size, notifications=True) as pilot:  # type: ignore[arg-type]
            await seen(pilot, "easy    6 min   4/5    yes", "Quit")
            yield pilot

    return open_home


@pytest.fixture
def lab(home: Open) -> Open:
    @asynccontextmanager
    async def open_lab(size: tuple[int, int] = (80, 24)) -> AsyncIterator[Pilot[Any]]:
        async with home(size) as pilot:
            await pilot.press("enter")
            await seen(pilot, "6:00 left", "root@controlplane")
            yield pilot

    return open_lab


async def answer(pilot: Pilot[Any], question: str, *keys: str) -> None:
    await seen(pilot, question)
    await pilot.press(*keys, "enter")


async def test_a_start_can_be_cancelled(home: Open, labs: FakeLabs) -> None:
    labs.slow = threading.Event()
    async with home() as pilot:
        await pilot.press("enter")
        await seen(pilot, "fault 1 of 1")
        await pilot.press("escape")
        await seen(pilot, "Cancelled", "Best")
        assert not labs.running


async def test_a_failed_start_can_be_tried_again(home: Open, labs: FakeLabs) -> None:
    labs.fails = RuntimeError("surprise")
    async with home() as pilot:
        await pilot.press("enter")
        await seen(pilot, "This is our failure, not yours", "cka-lab.log")
        labs.fails = None
        await pilot.press("f5")
        await seen(pilot, "6:00 left")


async def test_an_unexpected_error_goes_to_the_log(
    home: Open, labs: FakeLabs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CKA_LAB_HOME", str(tmp_path))
    labs.fails = RuntimeError("surprise")
    async with home() as pilot:
        await pilot.press("enter")
        await seen(pilot, "RuntimeError: surprise", "details are in")
        assert "Traceback" not in screen_text(pilot)
    assert "Traceback" in (tmp_path / "cka-lab.log").read_text()


async def test_what_is_not_available_cannot_be_started(home: Open) -> None:
    async with home() as pilot:
        await pilot.press("end", "enter")
        await seen(pilot, "Not available here", "lacks kube-api")


async def test_the_clock_pauses_and_goes_on(lab: Open, labs: FakeLabs) -> None:
    async with lab() as pilot:
        await pilot.press("f6")
        await seen(pilot, "left, paused")
        assert labs.lab.session.phase is Phase.PAUSED
        await pilot.press("f6")
        await until(pilot, lambda: "left, paused" not in screen_text(pilot))
        assert labs.lab.session.phase is Phase.RUNNING


async def test_a_check_can_be_cancelled(lab: Open, labs: FakeLabs) -> None:
    async with lab() as pilot:
        labs.slow = threading.Event()
        await pilot.press("f2")
        await seen(pilot, "F2 cancels")
        await pilot.press("f2")
        await seen(pilot, "Cancelled: nothing was graded")


async def test_hints_come_one_by_one(lab: Open) -> None:
    async with lab(size=(120, 40)) as pilot:
        await pilot.press("f3")
        await seen(pilot, "Hint 1")
        await pilot.press("f3")
        await seen(pilot, "Hint 1", "Hint 2")
        await pilot.press("f3")
        await seen(pilot, "no further hint")


async def test_full_marks_are_said(lab: Open, labs: FakeLabs) -> None:
    async with lab() as pilot:
        labs.lab.right = True
        await pilot.press("f9")
        await answer(pilot, "Finish?")
        await seen(pilot, "full marks", "5 of 5 points (100 %)")
        await pilot.press("escape")
        await seen(pilot, "left, finished")
        await pilot.press("f9")
        await seen(pilot, "full marks")


async def test_at_zero_the_lab_is_graded_over_whatever_is_open(lab: Open, labs: FakeLabs) -> None:
    async with lab() as pilot:
        await pilot.press("f10")
        await seen(pilot, "Leave this lab?")
        labs.clock = lambda: NOW + 361
        await seen(pilot, "Time is up", "not yet")
        assert labs.lab.graded[0].kind == "time-up"


async def test_the_time_ends_a_check_and_grades(lab: Open, labs: FakeLabs) -> None:
    async with lab() as pilot:
        labs.slow = threading.Event()
        await pilot.press("f2")
        await seen(pilot, "F2 cancels")
        labs.clock = lambda: NOW + 361
        await seen(pilot, "Grading what stands")
        labs.slow.set()
        await seen(pilot, "Time is up")


async def test_a_reset_brings_a_new_shell_and_session(lab: Open, labs: FakeLabs) -> None:
    async with lab() as pilot:
        await pilot.press("f5")
        await answer(pilot, "Reset the lab?")
        await seen(pilot, "new shell", "6:00 left")
        assert labs.lab.session.id == 2


async def test_a_dead_lab_offers_its_reset(lab: Open, labs: FakeLabs) -> None:
    async with lab() as pilot:
        labs.fails = LabGone("the lab is not running any more", fix="reset it")
        await pilot.press("f2")
        await seen(pilot, "the lab is not running any more")
        labs.fails = None
        await answer(pilot, "Reset it now")
        await seen(pilot, "new shell")


async def test_leaving_keeps_the_lab_and_home_leads_back(lab: Open, labs: FakeLabs) -> None:
    async with lab() as pilot:
        await pilot.press("f10")
        await answer(pilot, "Leave this lab?")
        await seen(pilot, "Running labs")
        assert labs.running
        await pilot.press("home", "enter")
        await seen(pilot, "root@controlplane")
        assert isinstance(pilot.app.screen, LabScreen)


async def test_leaving_can_stop_the_lab(lab: Open, labs: FakeLabs) -> None:
    async with lab() as pilot:
        await pilot.press("f10")
        await answer(pilot, "Leave this lab?", "down", "down")
        await until(pilot, lambda: isinstance(pilot.app.screen, Home) and not labs.running)


async def test_quitting_asks_while_a_lab_runs(home: Open, labs: FakeLabs) -> None:
    labs.running = True
    async with home() as pilot:
        await seen(pilot, "Running labs")
        await pilot.press("q")
        await seen(pilot, "Quit?", "Keep it running and quit", "Stop it and quit")
        await pilot.press("escape", "q")
        await answer(pilot, "Quit?")
    assert labs.running
    assert pilot.app.return_code == 0


async def test_quitting_can_stop_the_labs(home: Open, labs: FakeLabs) -> None:
    labs.running = True
    async with home() as pilot:
        await seen(pilot, "Running labs")
        await pilot.press("q")
        await answer(pilot, "Quit?", "down")
        await until(pilot, lambda: not pilot.app.is_running)
    assert not labs.running


async def test_f12_goes_to_the_panel_and_back(lab: Open) -> None:
    async with lab() as pilot:
        await pilot.press("f12")
        await until(pilot, lambda: getattr(pilot.app.focused, "id", "") == "panel")
        await pilot.press("right")
        await seen(pilot, "F2 checks your work")
        await pilot.press("f12")
        await until(pilot, lambda: type(pilot.app.focused).__name__ == "Terminal")


async def test_f4_gives_the_terminal_the_whole_screen(lab: Open) -> None:
    async with lab() as pilot:
        await pilot.press("f4")
        await until(pilot, lambda: "The cluster will be upgraded" not in screen_text(pilot))
        await pilot.press("f4")
        await seen(pilot, "The cluster will be upgraded")


async def test_the_mouse_is_enough(home: Open) -> None:
    async with home(size=(120, 40)) as pilot:
        await pilot.click("#catalogue", offset=(6, 1))
        await seen(pilot, "6:00 left", "root@controlplane")
        await pilot.click("#--content-tab-checks")
        await seen(pilot, "F2 checks your work")
        footer = screen_text(pilot).splitlines()[-1]
        await pilot.click("Footer", offset=(footer.index("Leave"), 0))
        await seen(pilot, "Leave this lab?")


async def test_every_screen_bears_a_tiny_and_a_huge_window(lab: Open) -> None:
    async with lab() as pilot:
        for size in ((200, 60), (40, 12), (120, 40)):
            await pilot.resize_terminal(*size)
            await pilot.press("f1")
            await seen(pilot, "You practise on")
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(pilot.app.screen, LabScreen))
