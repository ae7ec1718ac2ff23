"""SQLite: labs, sessions, attempts, results. One file, WAL, migrations as a list.

A crash at any point leaves a readable database; one of a newer program is refused and never touched.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cka_lab import paths
from cka_lab.errors import LabFailure, NotFound, UsageError
from cka_lab.jsonform import attempt_from_json, attempt_to_json, mark_from_json, mark_to_json
from cka_lab.model import Attempt, Mark
from cka_lab.session import Phase, Session

BUSY_SECONDS = 10.0
"""How long a write waits for another program's write."""


@dataclass(frozen=True, slots=True)
class LabRow:
    """A lab as the store knows it. ``folder``: its scenario's; ``ready``: its baseline stands; ``created``: epoch."""

    id: str
    scenario: str
    folder: str
    provider: str
    created: float
    ready: bool
    marks: Mapping[str, Mark]


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One stored grading. ``kind``: check, finish or time-up."""

    id: int
    session: int
    scenario: str
    provider: str
    kind: str
    used: float
    attempt: Attempt


class Store:
    """Opens (and creates or migrates) the database. Raises UsageError for one of a newer version."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or paths.database()
        self._lock = threading.RLock()
        paths.make_private(self.path.parent)
        try:
            self._db = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            self._db.row_factory = sqlite3.Row
            self._migrate()
        except sqlite3.DatabaseError as error:
            raise LabFailure(f"{self.path}: {error}", fix=_fix(self.path)) from error

    def close(self) -> None:
        self._db.close()

    def _migrate(self) -> None:
        if (version := self._version()) > len(MIGRATIONS):
            raise UsageError(
                f"{self.path} was written by a newer cka-lab (its format is {version}, this one knows up to "
                f"{len(MIGRATIONS)}); it has not been touched",
                fix="update cka-lab, or set CKA_LAB_HOME to another folder",
            )
        if version == len(MIGRATIONS):
            return
        self._db.execute("PRAGMA journal_mode = WAL")
        with self._write():
            for number in range(self._version(), len(MIGRATIONS)):
                for statement in MIGRATIONS[number]:
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version = {number + 1}")

    def _version(self) -> int:
        return int(self._db.execute("PRAGMA user_version").fetchone()[0])

    @contextmanager
    def _write(self) -> Iterator[None]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    # -- labs ---------------------------------------------------------------------------------------------

    def add_lab(self, lab: LabRow) -> None:
        self._db.execute(
            "INSERT INTO labs (id, scenario, folder, provider, created, ready, marks) VALUES (?,?,?,?,?,?,?)",
            (lab.id, lab.scenario, lab.folder, lab.provider, lab.created, lab.ready, _marks(lab.marks)),
        )

    def lab_begun(self, lab: str) -> None:
        """It is being made anew: until lab_ready() there is no baseline."""
        self._db.execute("UPDATE labs SET ready = 0 WHERE id = ?", (lab,))

    def lab_ready(self, lab: str, marks: Mapping[str, Mark]) -> None:
        """The baseline stands; ``marks`` are what was recorded on the way."""
        self._db.execute("UPDATE labs SET ready = 1, marks = ? WHERE id = ?", (_marks(marks), lab))

    def remove_lab(self, lab: str) -> None:
        """Forget the lab; its sessions and results stay as history."""
        self._db.execute("DELETE FROM labs WHERE id = ?", (lab,))

    def lab(self, lab: str) -> LabRow:
        row = self._db.execute("SELECT * FROM labs WHERE id = ?", (lab,)).fetchone()
        if row is None:
            raise NotFound(f"there is no lab {lab!r}", fix="see `cka-lab status`")
        return _lab(row)

    def labs(self) -> list[LabRow]:
        """All labs, the latest first."""
        return [_lab(r) for r in self._db.execute("SELECT * FROM labs ORDER BY created DESC, rowid DESC")]

    # -- sessions -----------------------------------------------------------------------------------------

    def add_session(self, lab: str, scenario: str, provider: str, minutes: int) -> Session:
        cursor = self._db.execute(
            "INSERT INTO sessions (lab, scenario, provider, minutes, phase) VALUES (?,?,?,?,?)",
            (lab, scenario, provider, minutes, Phase.PREPARING.value),
        )
        return Session(int(cursor.lastrowid or 0), lab, scenario, provider, minutes)

    def save_session(self, session: Session) -> None:
        fields = asdict(session) | {"phase": session.phase.value, "hints": json.dumps(session.hints)}
        self._db.execute(
            "UPDATE sessions SET phase=:phase, started=:started, deadline=:deadline, left=:left, "
            "finished=:finished, hints=:hints WHERE id=:id",
            fields,
        )

    def session(self, lab: str) -> Session:
        """The latest session of a lab."""
        row = self._db.execute("SELECT * FROM sessions WHERE lab = ? ORDER BY id DESC LIMIT 1", (lab,)).fetchone()
        if row is None:
            raise NotFound(f"the lab {lab!r} has no session", fix="`cka-lab reset` begins one")
        fields = dict(row) | {"phase": Phase(row["phase"]), "hints": tuple(json.loads(row["hints"]))}
        return Session(**fields)

    # -- attempts and results -----------------------------------------------------------------------------

    def add_attempt(self, session: Session, attempt: Attempt, kind: str, used: float) -> int:
        """Keep a grading; ``kind`` finish and time-up also become the session's result, once."""
        score = attempt.score
        with self._write():
            cursor = self._db.execute(
                "INSERT INTO attempts (session, kind, at, used, earned, possible, unchecked, detail) "
                "VALUES (?,?,?,?,?,?,?,?)",
                (session.id, kind, attempt.at, used, score.earned, score.possible, score.unchecked,
                 json.dumps(attempt_to_json(attempt))),
            )  # fmt: skip
            if kind != "check":
                self._db.execute(
                    "INSERT OR IGNORE INTO results (session, attempt) VALUES (?, ?)",
                    (session.id, cursor.lastrowid),
                )
        return int(cursor.lastrowid or 0)

    def attempts(
        self, *, session: int | None = None, scenario: str | None = None, results_only: bool = False
    ) -> list[AttemptRow]:
        """Gradings, the latest first."""
        query = (
            "SELECT a.*, s.scenario, s.provider FROM attempts a JOIN sessions s ON s.id = a.session "
            "WHERE (:session IS NULL OR a.session = :session) "
            "AND (:scenario IS NULL OR s.scenario = :scenario) "
            "AND (NOT :results OR EXISTS (SELECT 1 FROM results r WHERE r.attempt = a.id)) ORDER BY a.id DESC"
        )
        wanted = {"session": session, "scenario": scenario, "results": results_only}
        return [_attempt(row) for row in self._db.execute(query, wanted)]

    def best(self) -> dict[str, tuple[int, int]]:
        """By scenario: earned and possible points of the best attempt so far."""
        rows = self._db.execute(
            "SELECT s.scenario AS scenario, a.earned AS earned, a.possible AS possible "
            "FROM attempts a JOIN sessions s ON s.id = a.session WHERE a.possible > 0 "
            "ORDER BY a.earned * 1.0 / a.possible"
        )
        return {row["scenario"]: (row["earned"], row["possible"]) for row in rows}


def _fix(path: Path) -> str:
    if os.access(path.parent, os.W_OK):
        return "move that file away; the program makes a new one"
    return f"make {path.parent} writable for the user {os.getuid()}, or name another folder by CKA_LAB_HOME"


def _marks(marks: Mapping[str, Mark]) -> str:
    return json.dumps({name: mark_to_json(mark) for name, mark in marks.items()})


def _lab(row: sqlite3.Row) -> LabRow:
    marks = {name: mark_from_json(data) for name, data in json.loads(row["marks"]).items()}
    fields: dict[str, Any] = dict(row) | {"ready": bool(row["ready"]), "marks": marks}
    return LabRow(**fields)


def _attempt(row: sqlite3.Row) -> AttemptRow:
    return AttemptRow(
        row["id"], row["session"], row["scenario"], row["provider"], row["kind"], row["used"],
        attempt_from_json(json.loads(row["detail"])),
    )  # fmt: skip


MIGRATIONS: list[tuple[str, ...]] = [
    (
        "CREATE TABLE labs (id TEXT PRIMARY KEY, scenario TEXT NOT NULL, folder TEXT NOT NULL, "
        "provider TEXT NOT NULL, created REAL NOT NULL, ready INTEGER NOT NULL, marks TEXT NOT NULL)",
        "CREATE TABLE sessions (id INTEGER PRIMARY KEY, lab TEXT NOT NULL, scenario TEXT NOT NULL, "
        "provider TEXT NOT NULL, minutes INTEGER NOT NULL, phase TEXT NOT NULL, started REAL, deadline REAL, "
        "left REAL NOT NULL DEFAULT 0, finished REAL, hints TEXT NOT NULL DEFAULT '[]')",
        "CREATE INDEX sessions_by_lab ON sessions (lab)",
        "CREATE TABLE attempts (id INTEGER PRIMARY KEY, session INTEGER NOT NULL REFERENCES sessions (id), "
        "kind TEXT NOT NULL, at REAL NOT NULL, used REAL NOT NULL, earned INTEGER NOT NULL, "
        "possible INTEGER NOT NULL, unchecked INTEGER NOT NULL, detail TEXT NOT NULL)",
        "CREATE INDEX attempts_by_session ON attempts (session)",
        "CREATE TABLE results (session INTEGER PRIMARY KEY REFERENCES sessions (id), "
        "attempt INTEGER NOT NULL REFERENCES attempts (id))",
    ),
]
"""Each entry takes the format one version up; never change one that was released, add one."""
