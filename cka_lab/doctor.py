"""What this machine lacks and what was left behind, each finding with its fix."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace

from cka_lab import proc
from cka_lab.api import Problem
from cka_lab.errors import CkaLabError
from cka_lab.lab import Labs

STARTING_TAKES = 300.0
"""Seconds after which a lab that never got ready counts as left over."""


@dataclass(frozen=True, slots=True)
class ProviderReport:
    name: str
    ok: bool
    capabilities: list[str]
    facts: dict[str, str]


@dataclass(frozen=True, slots=True)
class Finding:
    """``command`` is what mend() runs; ``leftover`` a lab that it removes; ``advice``: it stands in no way."""

    what: str
    why: str
    fix: str
    command: tuple[str, ...] = ()
    leftover: str = ""
    fixed: bool = False
    advice: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    providers: list[ProviderReport]
    findings: list[Finding]


def examine(labs: Labs) -> Report:
    """Look; change nothing."""
    providers, findings = [], []
    for provider in labs.providers.values():
        info = provider.info(deep=True)
        providers.append(
            ProviderReport(info.name, not info.problems, sorted(info.capabilities), dict(info.facts or {}))
        )
        findings += [_from_problem(problem) for problem in info.problems]
        findings += [_from_problem(problem, advice=True) for problem in info.warnings]
    findings += [
        Finding(f"the lab {lab} is left over", "it holds memory and disk", "cka-lab doctor --fix", leftover=lab)
        for lab in [*labs.leftovers(), *_never_ready(labs)]
    ]
    findings += [
        Finding(problem, "its scenarios can't be used", "correct the file named there, or leave the pack out")
        for problem in map(str, labs.catalog.problems)
    ]
    return Report(providers, findings)


def mend(labs: Labs, report: Report, say: Callable[[str], None]) -> Report:
    """Do what can be done by command; the findings of a second look, with those that were fixed."""
    fixed = []
    for finding in report.findings:
        try:
            if finding.leftover:
                _remove(labs, finding.leftover)
            elif finding.command:
                say(f"running: {' '.join(finding.command)}")
                proc.run(_as_root(finding.command), timeout=600)
            else:
                continue
        except CkaLabError as error:
            say(f"{finding.what}: {error.message}")
            continue
        fixed.append(replace(finding, fixed=True))
    after = examine(labs)
    still = {finding.what for finding in after.findings}
    return Report(after.providers, [f for f in fixed if f.what not in still] + after.findings)


def _never_ready(labs: Labs) -> list[str]:
    old = labs.clock() - STARTING_TAKES
    return [row.id for row in labs.store.labs() if not row.ready and row.created < old]


def _remove(labs: Labs, lab: str) -> None:
    if any(row.id == lab for row in labs.store.labs()):
        labs.stop(lab)
    for provider in labs.providers.values():
        if lab in provider.labs():
            provider.delete(lab)


def _from_problem(problem: Problem, *, advice: bool = False) -> Finding:
    return Finding(problem.what, problem.why, problem.fix, problem.command, advice=advice)


def _as_root(command: tuple[str, ...]) -> tuple[str, ...]:
    return command if os.geteuid() == 0 else ("sudo", "-n", *command)
