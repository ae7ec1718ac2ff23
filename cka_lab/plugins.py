"""Graders and faults out of Python modules: the built-in ones, and those of packs."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from cka_lab.api import Fault, Grader
from cka_lab.errors import UsageError

BUILT_IN = ("graders", "cka_lab.injectors")
"""The packages that every pack may use."""


@dataclass(frozen=True)
class Registry:
    """Graders and faults by name."""

    graders: dict[str, Grader] = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)

    def joined(self, other: Registry, whose: str) -> Registry:
        """Both; UsageError where ``whose`` pack names something that exists already."""
        clashes = sorted((self.graders.keys() & other.graders.keys()) | (self.faults.keys() & other.faults.keys()))
        if clashes:
            raise UsageError(
                f"the pack {whose} defines {', '.join(clashes)}, which exists already; choose another name"
            )
        return Registry(self.graders | other.graders, self.faults | other.faults)


def built_in() -> Registry:
    """The graders and faults that ship with the program."""
    modules = [module for package in BUILT_IN for module in _submodules(package)]
    return scan(modules)


def of_folder(folder: Path, pack: str) -> Registry:
    """The graders and faults of a pack's ``graders/*.py``. UsageError, with file and line, for one that fails."""
    modules = []
    for file in sorted(folder.glob("*.py")):
        if file.name != "__init__.py":
            modules.append(_load(file, f"cka_lab_pack_{abs(hash(str(folder.resolve())))}_{file.stem}", pack))
    return scan(modules)


def scan(modules: list[ModuleType]) -> Registry:
    """What @grader and @fault marked in these modules themselves (not what they import)."""
    found = Registry()
    for module in modules:
        for thing in vars(module).values():
            mark = getattr(thing, "__dict__", {}).get("cka_lab")
            if getattr(thing, "__module__", None) != module.__name__:
                continue
            if isinstance(mark, Grader):
                found.graders[mark.name] = mark
            elif isinstance(mark, Fault):
                found.faults[mark.name] = mark
    return found


def _submodules(package: str) -> list[ModuleType]:
    try:
        home = importlib.import_module(package)
    except ModuleNotFoundError:
        return []
    return [importlib.import_module(f"{package}.{info.name}") for info in pkgutil.iter_modules(home.__path__)]


def _load(file: Path, name: str, pack: str) -> ModuleType:
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise UsageError(f"the pack {pack}: {file} can't be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, KeyboardInterrupt):
            raise
        raise UsageError(f"the pack {pack}: {_where(file, error)}: {type(error).__name__}: {error}") from error
    return module


def _where(file: Path, error: BaseException) -> str:
    """The line of the pack's own file at which it failed."""
    if isinstance(error, SyntaxError):
        return f"{file}:{error.lineno or 1}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    return f"{file}:{lines[-1] if lines else 1}"
