"""Every screen as a picture, at the smallest and at a wide size."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from textual.pilot import Pilot

from cka_lab.errors import NotAvailable
from cka_lab.tui.app import CkaLabApp
from tests.snapshot.driving import seen
from tests.snapshot.fakes import FakeLabs

PROMPT = "root@controlplane:~#"

sizes = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=lambda size: f"{size[0]}x{size[1]}")


async def start(pilot: Pilot[Any]) -> None:
    await seen(pilot, "available here")
    await pilot.press("enter")
    await seen(pilot, "6:00 left", PROMPT, "Leave")


@sizes
def test_home_shows_the_catalogue_by_domain(labs: FakeLabs, size: tuple[int, int], snap_compare: Any) -> None:
    async def play(pilot: Pilot[Any]) -> None:
        await seen(pilot, "available here", "Quit")

    assert snap_compare(CkaLabApp(labs), terminal_size=size, run_before=play)


@sizes
def test_home_says_why_something_is_not_available(labs: FakeLabs, size: tuple[int, int], snap_compare: Any) -> None:
    async def play(pilot: Pilot[Any]) -> None:
        await seen(pilot, "available here")
        await pilot.press("end")
        await seen(pilot, "not available here, because")

    assert snap_compare(CkaLabApp(labs), terminal_size=size, run_before=play)


@sizes
def test_home_offers_a_running_lab(labs: FakeLabs, size: tuple[int, int], snap_compare: Any) -> None:
    labs.running = True
    labs.lab.begin()

    async def play(pilot: Pilot[Any]) -> None:
        await seen(pilot, "Running labs", "Enter goes back to it", "Stop the lab")

    assert snap_compare(CkaLabApp(labs), terminal_size=size, run_before=play)


def test_home_without_scenarios_says_what_to_do(labs: FakeLabs, snap_compare: Any) -> None:
    labs.found.clear()

    async def play(pilot: Pilot[Any]) -> None:
        await seen(pilot, "There are no scenarios", "Quit")

    assert snap_compare(CkaLabApp(labs), terminal_size=(80, 24), run_before=play)


def test_home_shows_what_could_not_be_read(labs: FakeLabs, snap_compare: Any) -> None:
    labs.catalog.problems.append("/packs/mine/scenario.yaml:3:7: there is no grader 'etcd_helth'")

    async def play(pilot: Pilot[Any]) -> None:
        await seen(pilot, "available here")
        await pilot.press("end")
        await seen(pilot, "Could not be read", "no grader", "Quit")

    assert snap_compare(CkaLabApp(labs), terminal_size=(80, 24), run_before=play)


@sizes
def test_start_shows_its_steps(labs: FakeLabs, size: tuple[int, int], snap_compare: Any) -> None:
    labs.slow = threading.Event()

    async def play(pilot: Pilot[Any]) -> None:
        await seen(pilot, "available here")
        await pilot.press("enter")
        await seen(pilot, "… now    fault 1 of 1", "Cancel")

    assert snap_compare(CkaLabApp(labs), terminal_size=size, run_before=play)


def test_start_that_fails_says_why_and_what_to_do(labs: FakeLabs, snap_compare: Any) -> None:
    labs.fails = NotAvailable("bwrap is not installed on this machine", fix="apt install bubblewrap")

    async def play(pilot: Pilot[Any]) -> None:
        await seen(pilot, "available here")
        await pilot.press("enter")
        await seen(pilot, "What to do: apt install bubblewrap", "Try again")

    assert snap_compare(CkaLabApp(labs), terminal_size=(80, 24), run_before=play)


@sizes
def test_lab_shows_task_and_terminal(labs: FakeLabs, size: tuple[int, int], snap_compare: Any) -> None:
    assert snap_compare(CkaLabApp(labs), terminal_size=size, run_before=start)


@sizes
def test_lab_shows_checks_as_they_come(labs: FakeLabs, size: tuple[int, int], snap_compare: Any) -> None:
    async def play(pilot: Pilot[Any]) -> None:
        await start(pilot)
        labs.slow = threading.Event()
        await pilot.press("f2")
        await pilot.press("f12", "pagedown")
        await seen(pilot, "waiting", "12 s")

    assert snap_compare(CkaLabApp(labs), terminal_size=size, run_before=play)


@sizes
def test_lab_shows_expected_found_and_lesson(labs: FakeLabs, size: tuple[int, int], snap_compare: Any) -> None:
    async def play(pilot: Pilot[Any]) -> None:
        await start(pilot)
        await pilot.press("f2")
        await seen(pilot, "graded in")
        await pilot.press("f12")
        await seen(pilot, "expected: revision 1243", "lesson: ")

    assert snap_compare(CkaLabApp(labs), terminal_size=size, run_before=play)


@sizes
def test_lab_asks_before_it_is_left(labs: FakeLabs, size: tuple[int, int], snap_compare: Any) -> None:
    async def play(pilot: Pilot[Any]) -> None:
        await start(pilot)
        await pilot.press("f10")
        await seen(pilot, "Keep it running and quit")

    assert snap_compare(CkaLabApp(labs), terminal_size=size, run_before=play)


@sizes
def test_lab_shows_the_solution(labs: FakeLabs, size: tuple[int, int], snap_compare: Any) -> None:
    async def play(pilot: Pilot[Any]) -> None:
        await start(pilot)
        await pilot.press("f8")
        await seen(pilot, "Show the solution?")
        await pilot.press("enter")
        await pilot.press("f12")
        await seen(pilot, "snapshot", "Why it works")

    assert snap_compare(CkaLabApp(labs), terminal_size=size, run_before=play)


@sizes
def test_results_show_every_check_and_the_solution(labs: FakeLabs, size: tuple[int, int], snap_compare: Any) -> None:
    async def play(pilot: Pilot[Any]) -> None:
        await start(pilot)
        await pilot.press("f9")
        await seen(pilot, "Finish?")
        await pilot.press("enter")
        await seen(pilot, "not yet", "skipped", "Back to the lab")

    assert snap_compare(CkaLabApp(labs), terminal_size=size, run_before=play)


@sizes
def test_help_shows_every_key(labs: FakeLabs, size: tuple[int, int], snap_compare: Any) -> None:
    async def play(pilot: Pilot[Any]) -> None:
        await seen(pilot, "available here")
        await pilot.press("f1")
        await seen(pilot, "In the lab", "Back")

    assert snap_compare(CkaLabApp(labs), terminal_size=size, run_before=play)
