"""Bring a lab into its scenario's state: set-up steps, faults, and the proof that each fault bites."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from cka_lab.errors import LabFailure, TimedOut
from cka_lab.grading import Once, View, Writer, ask
from cka_lab.params import bind
from cka_lab.wait import Progress, until
from cka_lab.wire import CONNECTIONS, Connections

if TYPE_CHECKING:
    from cka_lab.plugins import Registry
    from cka_lab.schema import Scenario, Step

BITES_WITHIN = 20.0
"""Seconds for a fault to show where nodes follow at once; measured in the sandbox: at most 2.0."""


def bring_about(scenario: Scenario, registry: Registry, writer: Writer, progress: Progress) -> None:
    """Run `setup`, then `faults`, in order. The steps' titles don't give the faults away.

    Raises LabFailure when a fault does not bite.
    """
    with closing(writer.once):
        for title, steps in (("set-up", scenario.setup), ("fault", scenario.faults)):
            for number, step in enumerate(steps, 1):
                with progress.step(f"{title} {number} of {len(steps)}"):
                    function = registry.faults[step.uses].function
                    function(writer, **bind(function, step.with_))
                    _wait_for_bite(step, registry, writer, progress)


def observe(scenario: Scenario, registry: Registry, view: View, progress: Progress) -> None:
    """Wait until every fault that says how it shows has been seen: after a reset.

    Raises LabFailure when one does not bite.
    """
    for step in (*scenario.setup, *scenario.faults):
        _wait_for_bite(step, registry, view, progress)


def _wait_for_bite(step: Step, registry: Registry, view: View, progress: Progress) -> None:
    if step.bites is None:
        return
    bites, kept = step.bites, Connections()

    def bitten() -> bool:
        once = Once()
        once(CONNECTIONS, lambda: kept)
        if mismatch := ask(registry, bites, View(view.cluster, view.marks, once=once, patient=False)):
            raise LabFailure(f"{mismatch.message}: {mismatch.found}")
        return True

    within = max(BITES_WITHIN, view.cluster.follow_seconds)
    try:
        with closing(kept):
            until(bitten, f"the fault {step.uses} to show", timeout=within, every=0.1, cancel=progress.cancel)
    except TimedOut as error:
        raise LabFailure(f"the fault {step.uses} does not bite here: {error.message}") from error
