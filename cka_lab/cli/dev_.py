"""`cka-lab dev check | schema | new`: for authors of scenarios."""

from __future__ import annotations

import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cka_lab.cli.common import cancelling, columns, json_option, open_catalog, pack_option, print_json, say, seconds
from cka_lab.errors import NotAvailable

if TYPE_CHECKING:
    from cka_lab.schema import Scenario

PARALLEL = 4
"""Scenarios proven at once: they mostly wait for ages."""
CLUSTERS = threading.Semaphore(3)
"""Real clusters at once: they mostly wait, too, but each keeps a small machine busy when it begins."""


@click.group()
def command() -> None:
    """For authors of scenarios: check, schema, new."""


@command.command()
@click.argument("scenarios", nargs=-1, metavar="[ID]...")
@click.option("--provider", help="Only on this provider.")
@click.option("--jobs", default=PARALLEL, show_default=True, help="Scenarios at once.")
@click.option("--quick", metavar="PROVIDER", help="There, only a sample: untouched, the first solution, a reset.")
@click.option("-v", "--verbose", is_flag=True, help="Show every finding, not only the failed ones.")
@pack_option
@json_option
@click.pass_context
def check(
    ctx: click.Context,
    scenarios: tuple[str, ...],
    provider: str | None,
    jobs: int,
    quick: str | None,
    verbose: bool,
    more_packs: tuple[str, ...],
    as_json: bool,
) -> None:
    """Prove scenarios on each provider that they claim and that is here; by default all, or those of the --pack.

    Untouched 0, each solution full marks, each mistake exactly its score and diagnosis, graded twice the same,
    a reset returns to 0, nothing left behind. Exit code 0 only if all of it held.

    --json: {"ok": bool, "proofs": [{"scenario", "provider", "ok", "seconds", "findings": [{"what", "expected",
    "found", "ok", "seconds", "detail"}]}], "not_available": {scenario: why}, "problems": [str]}
    """
    from cka_lab.lab import Labs
    from cka_lab.prove import Finding, Proof, prove
    from cka_lab.store import Store

    catalog = open_catalog(ctx, more_packs)
    problems = [str(p) for p in catalog.problems]
    if scenarios:
        chosen = [catalog.get(name) for name in scenarios]
    else:
        named = {Path(folder).expanduser().absolute() for folder in more_packs}
        packs = {pack.name for pack in catalog.packs if pack.folder in named or not named}
        chosen = [scenario for scenario in catalog.scenarios() if scenario.pack in packs]
        problems = [str(p) for p in catalog.problems]
    with tempfile.TemporaryDirectory(prefix="cka-lab-dev-") as folder:
        labs = Labs(catalog, Store(Path(folder) / "proof.sqlite3"))
        jobs_to_do, not_available = [], {}
        for scenario in chosen:
            where = labs.availability(scenario)
            wanted = [p for p in where.providers if provider in (None, p)]
            if not wanted:
                not_available[scenario.id] = where.why_not or f"not on {provider}"
            jobs_to_do += [(scenario, name) for name in wanted]

        jobs_to_do.sort(key=lambda job: job[1] == "kind")

        def one(job: tuple[Scenario, str]) -> tuple[Proof, float] | None:
            scenario, place = job

            def show(finding: Finding) -> None:
                if not finding.ok or verbose:
                    sign = click.style("✓", fg="green") if finding.ok else click.style("✗", fg="red")
                    line = f"{sign} {scenario.id} on {place}: {finding.what}"
                    line += f": expected {finding.expected}, found {finding.found} ({seconds(finding.seconds)})"
                    say("\n    ".join([line, *finding.detail.splitlines()]))

            try:
                with CLUSTERS if place == "kind" else nullcontext():
                    began = time.monotonic()
                    done = prove(labs, scenario, place, show, quick=place == quick, cancel=cancel)
                    return done, time.monotonic() - began
            except NotAvailable as error:
                not_available[f"{scenario.id} on {place}"] = error.message
                return None

        with cancelling() as cancel, ThreadPoolExecutor(max(1, jobs)) as pool:
            proofs = [done for done in pool.map(one, jobs_to_do) if done]
    ok = all(proof.ok for proof, _ in proofs) and not problems and bool(proofs)
    if as_json:
        about = [asdict(proof) | {"ok": proof.ok, "seconds": round(took, 2)} for proof, took in proofs]
        print_json({"ok": ok, "proofs": about, "not_available": not_available, "problems": problems})
    else:
        _print(proofs, not_available, problems, quick)
    ctx.exit(0 if ok else 1 if proofs or problems else 3)


def _print(proofs, not_available, problems, quick) -> None:  # type: ignore[no-untyped-def]
    rows = [
        [
            proof.scenario,
            proof.provider,
            click.style("sampled" if proof.provider == quick else "proven", fg="green")
            if proof.ok
            else click.style("FAILED", fg="red"),
            f"{sum(f.ok for f in proof.findings)}/{len(proof.findings)}",
            seconds(took),
        ]
        for proof, took in proofs
    ]
    if rows:
        click.echo(columns(rows, ["SCENARIO", "PROVIDER", "PROOF", "FINDINGS", "TIME"]))
    for name, why in not_available.items():
        click.echo(f"{name}: not available here: {why}")
    for problem in problems:
        click.echo(f"{click.style('problem:', fg='red')} {problem}")


@command.command()
@pack_option
@click.pass_context
def schema(ctx: click.Context, more_packs: tuple[str, ...]) -> None:
    """The JSON Schema of scenario.yaml, for editors, with every grader's and fault's params."""
    from cka_lab.jsonschema import json_schema

    print_json(json_schema(open_catalog(ctx, more_packs).all_names()))


@command.command()
@click.argument("domain")
@click.argument("name")
@click.option("--pack", "pack", default=".", show_default=True, metavar="DIR", help="The pack's folder.")
def new(domain: str, name: str, pack: str) -> None:
    """Write a new scenario that loads, as a place to begin: DIR/scenarios/DOMAIN/NAME."""
    from cka_lab.scaffold import template

    folder = template(Path(pack), domain, name)
    click.echo(
        f"{folder}: edit scenario.yaml and solution.sh, then prove it:\n  cka-lab dev check {name} --pack {pack}"
    )
