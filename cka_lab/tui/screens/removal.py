"""Stopping labs, as a procedure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from cka_lab.tui.screens.procedure import Procedure
from cka_lab.wait import Progress

if TYPE_CHECKING:
    from cka_lab.lab import Labs


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
