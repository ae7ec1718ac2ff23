"""A learner plays a scenario in the TUI, from the first page to the result, on a real sandbox."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from cka_lab.catalog import Catalog
from cka_lab.lab import Labs
from cka_lab.tui.app import CkaLabApp
from cka_lab.tui.screens.home import Home
from cka_lab.tui.widgets.catalogue import Catalogue
from tests.snapshot.driving import screen_text, seen, typed, until

SCENARIO = "etcd-snapshot-save"
PROMPT = "root@"

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed"),
]


@pytest.fixture
def labs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Labs]:
    monkeypatch.setenv("CKA_LAB_HOME", str(tmp_path))
    found = Labs(Catalog.find([]))
    if why := found.availability(found.catalog.get(SCENARIO)).why_not:
        pytest.skip(why)
    yield found
    found.clean()


async def start(pilot: Pilot[Any], scenario: str) -> None:
    await seen(pilot, "yes", "Quit")
    catalogue = pilot.app.screen.query_one(Catalogue)
    catalogue.highlighted = catalogue.get_option_index(f"scenario:{scenario}")
    await pilot.press("enter")
    await seen(pilot, " left", PROMPT)


async def run(pilot: Pilot[Any], line: str) -> None:
    """Type a line into the shell and wait until it is done."""
    done = "done-" + str(abs(hash(line)) % 100_000)
    await typed(pilot, f"{line}; echo {done[:2]}''{done[2:]}\n")
    await seen(pilot, done)


def solution(labs: Labs, scenario: str) -> str:
    """The script as a learner would type it: one line to bash, without its comments."""
    [script, *_] = labs.catalog.get(scenario).solutions()
    lines = [line for line in script.read_text().splitlines() if line and not line.startswith("#")]
    return "bash -c " + shlex.quote("\n".join(lines))


async def test_a_scenario_is_played_from_start_to_result(labs: Labs) -> None:
    async with CkaLabApp(labs).run_test(size=(120, 40), notifications=True) as pilot:
        await start(pilot, SCENARIO)
        await pilot.press("f2")
        await seen(pilot, "graded in", "(0 %)")
        await typed(pilot, f"clear\n{solution(labs, SCENARIO)}\nclear\n")
        await run(pilot, "true")
        await pilot.press("f2")
        await seen(pilot, "(100 %)", patience=60)
        await pilot.press("f9")
        await seen(pilot, "Finish?")
        await pilot.press("enter")
        await seen(pilot, "full marks", "(100 %)", patience=60)
        await pilot.press("f10")
        await seen(pilot, "Leave this lab?")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, Home))
        await seen(pilot, "5/5")
        assert labs.status() == []


async def test_vim_works_in_the_terminal_and_every_key_of_its_own_reaches_it(labs: Labs) -> None:
    async with CkaLabApp(labs).run_test(size=(80, 24), notifications=True) as pilot:
        await start(pilot, SCENARIO)
        await typed(pilot, "vim -u NONE /root/note\n")
        await seen(pilot, 'note" [New')
        await typed(pilot, "ione two")
        await pilot.press("escape")
        await typed(pilot, "bcwthree")
        await pilot.press("escape")
        await typed(pilot, ":wq\n")
        await run(pilot, "cat /root/note")
        await seen(pilot, "one three")


async def test_a_reset_brings_a_new_shell_in_the_broken_state(labs: Labs) -> None:
    async with CkaLabApp(labs).run_test(size=(120, 40), notifications=True) as pilot:
        await start(pilot, SCENARIO)
        await run(pilot, "touch /root/mine")
        await pilot.press("f5")
        await seen(pilot, "Reset the lab?")
        await pilot.press("enter")
        await until(pilot, lambda: "Resetting" not in screen_text(pilot) and "Reset the lab?" not in screen_text(pilot))
        await seen(pilot, " left", PROMPT)
        await run(pilot, "ls /root/mine")
        await seen(pilot, "No such file")


async def test_a_lab_outlives_the_program(labs: Labs) -> None:
    async with CkaLabApp(labs).run_test(size=(120, 40), notifications=True) as pilot:
        await start(pilot, SCENARIO)
        await run(pilot, "touch /root/mine")
        await pilot.press("f10")
        await seen(pilot, "quit the program")
        await pilot.press("down", "down", "down", "enter")
        await until(pilot, lambda: not pilot.app.is_running)
    async with CkaLabApp(labs).run_test(size=(120, 40), notifications=True) as pilot:
        await seen(pilot, "Running labs", "running")
        await pilot.press("home", "enter")
        await seen(pilot, " left", PROMPT)
        await run(pilot, "ls /root/mine")


async def test_a_shell_that_ends_is_told_and_replaced(labs: Labs) -> None:
    async with CkaLabApp(labs).run_test(size=(120, 40), notifications=True) as pilot:
        await start(pilot, SCENARIO)
        await run(pilot, "sleep 300 & true")  # which holds the terminal open
        await typed(pilot, "exit 7\n")
        await seen(pilot, "The shell ended with code 7")
        await pilot.press("enter")
        await run(pilot, "echo back")
