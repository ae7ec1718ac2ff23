"""The three long procedures of the program: start, reset and stop."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from cka_lab.tui.screens.procedure import Procedure
from cka_lab.wait import Progress

if TYPE_CHECKING:
    from cka_lab.lab import Lab, Labs


def starting(labs: Labs, id: str, title: str, provider: str | None = None) -> Procedure:
    """Dismissed with the Lab; on the best provider where none is named."""

    def call(progress: Progress) -> Lab:
        return labs.start(id, provider, progress)

    return Procedure(f"Starting · {title}", call, "What had been made of the lab is removed.")


def resetting(lab: Lab) -> Procedure:
    """Dismissed with True when the lab is back in its broken state."""

    def call(progress: Progress) -> bool:
        lab.reset(progress)
        return True

    return Procedure(f"Resetting · {lab.scenario.title}", call, "The lab may be half reset: F5 resets it anew.")


def removal(labs: Labs, ids: Iterable[str]) -> Procedure:
    """Dismissed with True when all of them are gone. A left-over the database doesn't know is removed as well."""

    def call(progress: Progress) -> bool:
        for id in ids:
            with progress.step(f"removing {id}"):
                _remove(labs, id)
        return True

    return Procedure("Stopping", call, "What had not been stopped yet is still running.")


def _remove(labs: Labs, id: str) -> None:
    if id in labs.leftovers():
        labs.remove_leftovers()
    else:
        labs.stop(id)
