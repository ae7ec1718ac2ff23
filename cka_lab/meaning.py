"""What a scenario's parts mean to each other: names, points, params, marks, files. Works on data that may be wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cka_lab.api import Capability, Fault
from cka_lab.params import allowed, check, kinds
from cka_lab.plugins import Registry
from cka_lab.schema import DOMAINS
from cka_lab.yamltree import Path as At
from cka_lab.yamltree import Tree, Trouble


class Meaning:
    """Gathers the troubles of one file; whatever has the wrong type is passed over, since the schema tells that."""

    def __init__(self, tree: Tree, folder: Path, registry: Registry) -> None:
        self.tree, self.folder, self.registry = tree, folder, registry
        self.data: dict[str, Any] = tree.data
        self.found: list[Trouble] = []
        self.marks = self._recorded()

    def troubles(self) -> list[Trouble]:
        self._place_in_pack()
        self._requires()
        for part in ("setup", "faults"):
            for path, step in self._mappings(self.data, part, ()):
                self._call(step, path, self.registry.faults, "fault or set-up step")
                if isinstance(bites := step.get("bites"), dict):
                    self._call(bites, (*path, "bites"), self.registry.graders, "grader")
        tasks = list(self._mappings(self.data, "tasks", ()))
        self._unique(tasks, "task")
        for path, task in tasks:
            self._task(path, task)
        self._mistakes(sum(_int(task.get("weight")) for _, task in tasks))
        return self.found

    def _tell(self, path: At, text: str, *, key: bool = False) -> None:
        self.found.append(Trouble(*self.tree.place(path, key=key), text))

    def _mappings(self, parent: dict[str, Any], name: str, path: At) -> Iterator[tuple[At, dict[str, Any]]]:
        items = parent.get(name)
        for index, item in enumerate(items if isinstance(items, tuple) else ()):
            if isinstance(item, dict):
                yield (*path, name, index), item

    def _place_in_pack(self) -> None:
        domain, parent = self.data.get("domain"), self.folder.parent.name
        if domain in DOMAINS and parent != domain:
            self._tell(
                ("domain",), f"the folder lies below {parent}/, but the domain is {domain}; they must be the same"
            )
        self._file((), "solution.sh", "solution.sh is missing; every scenario has a worked solution")

    def _requires(self) -> None:
        names = [c.value for c in Capability]
        required = self.data.get("requires")
        for index, name in enumerate(required if isinstance(required, tuple) else ()):
            if isinstance(name, str) and name not in names:
                self._tell(("requires", index), f"no capability `{name}`; {allowed(name, names)}")

    # -- calls of graders and faults ------------------------------------------------------------------------

    def _call(self, call: dict[str, Any], path: At, known: dict[str, Any], what: str) -> None:
        name = call.get("uses")
        if not isinstance(name, str):
            return
        if name not in known:
            self._tell((*path, "uses"), f"no {what} `{name}`; {allowed(name, known)}")
            return
        given = call.get("with", {})
        if not isinstance(given, dict):
            return
        function = known[name].function
        wrongs = list(check(function, given))
        for wrong in wrongs:
            below = (*path, "with", *wrong.path)
            param = f"`{wrong.path[0]}` " if wrong.path and not wrong.key else ""
            self._tell(
                below if wrong.path or "with" in call else (*path, "uses"),
                f"{name}: {param}{wrong.text}",
                key=wrong.key,
            )
        if not wrongs:
            for kind, where, value in kinds(function, given):
                self._kind(kind, (*path, "with", *where), value)

    def _kind(self, kind: str, path: At, value: Any) -> None:
        if not isinstance(value, str):
            return
        if kind == "lab-path" and not value.startswith("/"):
            self._tell(path, f"{value!r} must be an absolute path in the lab")
        elif kind == "mark" and value not in self.marks:
            self._tell(path, f"no mark `{value}` is recorded by a set-up step; {allowed(value, self.marks)}")
        elif kind == "pack-path":
            self._file(path, value, f"{value} is not in the scenario's folder")

    def _recorded(self) -> set[str]:
        """The marks that set-up steps and faults record."""
        marks: set[str] = set()
        for part in ("setup", "faults"):
            for _, step in self._mappings(self.data, part, ()):
                fault, given = self.registry.faults.get(str(step.get("uses"))), step.get("with")
                if isinstance(fault, Fault) and isinstance(given, dict):
                    found = [v for kind, _, v in kinds(fault.function, given) if kind == "records-mark"]
                    marks |= {mark for mark in found if isinstance(mark, str) and mark}
        return marks

    # -- tasks ----------------------------------------------------------------------------------------------

    def _task(self, path: At, task: dict[str, Any]) -> None:
        checks = list(self._mappings(task, "checks", path))
        self._unique(checks, "check")
        names = [str(c.get("id")) for _, c in checks]
        for below, one in checks:
            self._call(one, below, self.registry.graders, "grader")
            self._points(below, one)
            after = one.get("after")
            for index, name in enumerate(after if isinstance(after, tuple) else ()):
                if name not in names:
                    self._tell((*below, "after", index), f"no check `{name}` in this task; {allowed(str(name), names)}")
        self._cycles(checks)
        total, weight = sum(_int(c.get("points")) for _, c in checks), task.get("weight")
        if isinstance(weight, int) and checks and total != weight:
            self._tell((*path, "weight"), f"the weight is {weight}, but the points of its checks add up to {total}")
        for below, hint in self._mappings(task, "hints", path):
            when = hint.get("when")
            if isinstance(when, dict) and isinstance(name := when.get("check"), str) and name not in names:
                self._tell((*below, "when", "check"), f"no check `{name}` in this task; {allowed(name, names)}")

    def _points(self, path: At, one: dict[str, Any]) -> None:
        if one.get("guard") is True and one.get("points"):
            self._tell((*path, "points"), "a guard has no points: broken, it takes all of the task's")
        elif not one.get("guard") and not one.get("points") and "id" in one:
            self._tell(path, f"the check `{one['id']}` has no points; give it some, or make it a guard")

    def _cycles(self, checks: list[tuple[At, dict[str, Any]]]) -> None:
        if len({str(c.get("id")) for _, c in checks}) < len(checks):
            return  # ids that stand twice are told already
        after = {str(c.get("id")): [str(n) for n in c.get("after") or () if isinstance(n, str)] for _, c in checks}
        for path, one in checks:
            seen, todo = set(), list(after.get(str(one.get("id")), []))
            while todo:
                name = todo.pop()
                if name == one.get("id"):
                    self._tell((*path, "after"), f"the check `{name}` hangs on itself")
                    break
                if name not in seen:
                    seen.add(name)
                    todo += after.get(name, [])

    def _unique(self, items: list[tuple[At, dict[str, Any]]], what: str) -> None:
        seen: set[Any] = set()
        for path, item in items:
            name = item.get("id")
            if isinstance(name, str) and name in seen:
                self._tell((*path, "id"), f"a second {what} `{name}`; ids must differ")
            seen.add(name if isinstance(name, str) else None)

    # -- files ----------------------------------------------------------------------------------------------

    def _mistakes(self, total: int) -> None:
        for path, mistake in self._mappings(self.data, "mistakes", ()):
            if isinstance(run := mistake.get("run"), str):
                self._file((*path, "run"), run, f"{run} is not in the scenario's folder")
            score = mistake.get("score")
            if isinstance(score, int) and total and score >= total and "score" in mistake:
                self._tell((*path, "score"), f"a mistake must score less than full marks ({total})")

    def _file(self, path: At, name: str, missing: str) -> None:
        """A file of the scenario's folder: must exist and not lead out of it."""
        target = self.folder / name
        try:
            inside = target.resolve().is_relative_to(self.folder.resolve())
            exists = target.is_file()
        except (OSError, ValueError, RuntimeError):
            inside, exists = False, False
        if not inside:
            self._tell(path, f"{name!r} leads out of the scenario's folder")
        elif not exists:
            self._tell(path, missing)


def _int(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
