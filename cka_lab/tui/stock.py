"""What the first page shows, gathered in a thread: scenarios, best scores, running labs, what is available here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cka_lab.lab import Availability, Labs, LabStatus
    from cka_lab.schema import Scenario


@dataclass(frozen=True)
class Stock:
    """``available`` is empty until it has been found out; ``best``: earned and possible points by scenario id."""

    scenarios: tuple[Scenario, ...] = ()
    problems: tuple[str, ...] = ()
    best: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    running: tuple[LabStatus, ...] = ()
    available: Mapping[str, Availability] = field(default_factory=dict)
    complete: bool = False

    def scenario(self, id: str) -> Scenario | None:
        return next((s for s in self.scenarios if s.id == id), None)

    def title(self, lab: LabStatus) -> str:
        """The scenario's title of a running lab, else whatever is known of it."""
        scenario = self.scenario(lab.scenario)
        return scenario.title if scenario else lab.scenario or lab.id

    def domains(self) -> dict[str, list[Scenario]]:
        """The scenarios by domain, in the catalogue's order."""
        domains: dict[str, list[Scenario]] = {}
        for scenario in self.scenarios:
            domains.setdefault(scenario.domain, []).append(scenario)
        return domains


def take_stock(labs: Labs) -> Stock:
    """All but what is available here: quick."""
    return Stock(
        tuple(labs.catalog.scenarios()),
        tuple(str(problem) for problem in labs.catalog.problems),
        labs.store.best(),
        tuple(labs.status()),
    )


def find_available(labs: Labs, stock: Stock) -> Stock:
    """``stock`` with what can be practised here; asks the providers."""
    return replace(stock, available={s.id: labs.availability(s) for s in stock.scenarios}, complete=True)
