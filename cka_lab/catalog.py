"""Find packs and their scenarios. Nothing is taken from the current folder unasked: graders are code."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from cka_lab import index, plugins
from cka_lab.errors import CkaLabError, NotFound, ScenarioErrors, UsageError
from cka_lab.index import Summary
from cka_lab.plugins import Registry

if TYPE_CHECKING:
    from cka_lab.schema import Scenario

GROUP = "cka_lab.packs"
BUILT_IN = "builtin"


@dataclass(frozen=True, slots=True)
class Pack:
    """A folder with ``scenarios/`` and perhaps ``graders/``."""

    name: str
    folder: Path


@dataclass(frozen=True, slots=True)
class Problem:
    """A pack or scenario that can't be used; its text is one or more located lines."""

    where: str
    text: str

    def __str__(self) -> str:
        return self.text


def builtin_pack() -> Path:
    """The folder around the packages `scenarios` and `graders`: the repository's top level, or site-packages."""
    return Path(__file__).resolve().parent.parent


@dataclass
class Catalog:
    """All packs; each is loaded when something of it is first asked for."""

    packs: list[Pack]
    problems: list[Problem] = field(default_factory=list)
    _registries: dict[str, Registry] = field(default_factory=dict)
    _scenarios: dict[str, list[Scenario]] = field(default_factory=dict)

    @classmethod
    def find(cls, folders: Iterable[Path] = ()) -> Catalog:
        """The installed packs (ours among them), those of CKA_LAB_PACKS, and the folders named."""
        found = cls([])
        found._add_installed()
        named = [Path(name) for name in os.environ.get("CKA_LAB_PACKS", "").split(os.pathsep) if name]
        for folder in [*named, *folders]:
            found._add(folder.name, folder.expanduser().absolute())
        return found

    def _add_installed(self) -> None:
        for entry in metadata.entry_points(group=GROUP):
            try:
                self._add(entry.name, Path(entry.load()()))
            except Exception as error:
                self.problems.append(Problem(entry.name, f"the pack {entry.name}: {type(error).__name__}: {error}"))
        if not any(pack.name == BUILT_IN for pack in self.packs):
            self._add(BUILT_IN, builtin_pack())  # a source tree that was not installed

    def _add(self, name: str, folder: Path) -> None:
        if any(pack.folder == folder for pack in self.packs):
            return
        if not (folder / "scenarios").is_dir():
            text = (
                f"the pack {folder}: has no folder scenarios/"
                if folder.is_dir()
                else f"the pack {folder}: no such folder"
            )
            self.problems.append(Problem(name, text))
            return
        taken = {pack.name for pack in self.packs}
        unique = next(n for n in [name, *(f"{name}-{i}" for i in range(2, 1000))] if n not in taken)
        self.packs.append(Pack(unique, folder))

    # -- asking -----------------------------------------------------------------------------------------------

    def scenarios(self) -> list[Scenario]:
        """All that load, by domain and difficulty. What doesn't stands in ``problems``."""
        every = [scenario for pack in self.packs for scenario in self._of(pack)]
        return sorted(every, key=lambda s: (s.domain, s.difficulty, s.id))

    def summaries(self) -> list[Summary]:
        """All that load, by domain and difficulty, without their tasks: from the index where nothing changed."""
        found: list[Summary] = []
        for pack in self.packs:
            mark = index.fingerprint(pack.folder)
            kept = index.recall(pack.folder, mark)
            if kept is None:
                before = len(self.problems)
                fresh = [Summary.of(scenario) for scenario in self._of(pack)]
                index.remember(pack.folder, mark, fresh, [(p.where, p.text) for p in self.problems[before:]])
                found += fresh
            else:
                found += [replace(summary, pack=pack.name) for summary in kept[0]]
                self.problems += [Problem(*p) for p in kept[1] if Problem(*p) not in self.problems]
        return sorted(found, key=lambda s: (s.domain, s.difficulty, s.id))

    def _of(self, pack: Pack) -> list[Scenario]:
        if pack.name not in self._scenarios:
            self._scenarios[pack.name] = self._load(pack)
        return self._scenarios[pack.name]

    def get(self, name: str) -> Scenario:
        """By id, or by ``pack:id``. NotFound with the nearest name; UsageError where an id is in two packs."""
        pack_name, _, scenario_id = name.rpartition(":")
        found = [s for pack in self.packs if pack_name in ("", pack.name) for s in self._one(pack, scenario_id)]
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(f"{name} is in several packs; say which: {', '.join(f'{s.pack}:{s.id}' for s in found)}")
        if broken := self.problems_of(scenario_id):
            raise ScenarioErrors([line for problem in broken for line in problem.text.splitlines()])
        near = difflib.get_close_matches(scenario_id, [s.id for s in self.scenarios()], 3)
        hint = f"did you mean {' or '.join(near)}?" if near else "see `cka-lab list`"
        raise NotFound(f"there is no scenario {name!r}", fix=hint)

    def _one(self, pack: Pack, scenario_id: str) -> list[Scenario]:
        """Without loading the others, as far as they weren't."""
        if pack.name in self._scenarios:
            return [s for s in self._scenarios[pack.name] if s.id == scenario_id]
        return self._load(pack, scenario_id)

    def problems_of(self, scenario_id: str) -> list[Problem]:
        return [problem for problem in self.problems if problem.where == scenario_id]

    def load_folder(self, folder: Path) -> Scenario:
        """One scenario by its folder, with its pack around it: for a lab that was started from a named pack."""
        from cka_lab.loader import load

        around = folder.parent.parent.parent
        if not any(pack.folder == around for pack in self.packs):
            self._add(around.name, around)
        pack = next((pack for pack in self.packs if pack.folder == around), None)
        if pack is None:
            raise NotFound(f"the scenario's folder {folder} is gone", fix="`cka-lab stop` removes the lab")
        return load(folder, self._registry(pack), pack.name)

    def registry(self, scenario: Scenario) -> Registry:
        """The graders and faults that a scenario may use."""
        return self._registry(next(pack for pack in self.packs if pack.name == scenario.pack))

    def all_names(self) -> Registry:
        """The graders and faults of all packs that load."""
        every = plugins.built_in()
        for pack in self.packs:
            try:
                found = self._registry(pack)
            except CkaLabError:
                continue
            every = Registry(every.graders | found.graders, every.faults | found.faults)
        return every

    # -- loading ----------------------------------------------------------------------------------------------

    def _registry(self, pack: Pack) -> Registry:
        if pack.name not in self._registries:
            found = plugins.built_in()
            if pack.folder != builtin_pack() and (pack.folder / "graders").is_dir():
                found = found.joined(plugins.of_folder(pack.folder / "graders", pack.name), pack.name)
            self._registries[pack.name] = found
        return self._registries[pack.name]

    def _load(self, pack: Pack, only: str = "") -> list[Scenario]:
        from cka_lab.loader import load

        try:
            registry = self._registry(pack)
        except CkaLabError as error:
            self._tell(Problem(pack.name, error.message))
            return []
        found = []
        for folder in _folders(pack.folder / "scenarios"):
            if only and folder.name != only:
                continue
            try:
                found.append(load(folder, registry, pack.name))
            except ScenarioErrors as error:
                self._tell(Problem(folder.name, error.message))
        return found

    def _tell(self, problem: Problem) -> None:
        if problem not in self.problems:
            self.problems.append(problem)


def _folders(scenarios: Path) -> Sequence[Path]:
    """``<domain>/<id>`` folders; what begins with _ or . is not a scenario, nor are exams and quizzes."""
    return sorted(
        folder
        for domain in scenarios.iterdir()
        if domain.is_dir() and domain.name[0] not in "_." and domain.name not in ("exams", "quizzes")
        for folder in domain.iterdir()
        if folder.is_dir() and folder.name[0] not in "_."
    )
