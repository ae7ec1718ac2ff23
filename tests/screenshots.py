"""Pictures for the README, made from the real program with a real lab: `python -m tests.screenshots`."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from cka_lab.catalog import Catalog
from cka_lab.lab import Labs
from cka_lab.tui.app import CkaLabApp
from tests.e2e.test_tui_play import SCENARIO, run, solution, start
from tests.snapshot.driving import seen, typed

IMAGES = Path(__file__).parent.parent / "docs" / "images"
SIZE = (120, 36)


async def play(pilot: Pilot[Any], labs: Labs) -> None:
    """Start, look around, check, solve, finish; a picture at every stop."""
    await seen(pilot, "yes", "Quit")
    _picture(pilot, "home")
    await start(pilot, SCENARIO)
    await typed(
        pilot, "ls /etc/kubernetes/manifests /etc/kubernetes/pki/etcd; grep data-dir= /etc/kubernetes/manifests/*\n"
    )
    await seen(pilot, "data-dir=/var/lib/etcd")
    await pilot.press("f2")
    await seen(pilot, "graded in")
    _picture(pilot, "lab")
    await run(pilot, solution(labs, SCENARIO))
    await pilot.press("f9", "enter")
    await seen(pilot, "full marks")
    _picture(pilot, "results")


def _picture(pilot: Pilot[Any], name: str) -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    where = pilot.app.save_screenshot(f"{name}.svg", str(IMAGES))
    print(where)


async def main() -> None:
    with tempfile.TemporaryDirectory(prefix="cka-lab-pictures-") as home:
        os.environ["CKA_LAB_HOME"] = home
        labs = Labs(Catalog.find([]))
        try:
            async with CkaLabApp(labs).run_test(size=SIZE) as pilot:
                await play(pilot, labs)
        finally:
            labs.clean()


if __name__ == "__main__":
    asyncio.run(main())
