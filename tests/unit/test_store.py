"""The database: migrations, crashes, newer versions."""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap

import pytest

from cka_lab.errors import LabFailure, NotFound, UsageError
from cka_lab.model import Attempt, CheckResult, Mark, Outcome, TaskResult
from cka_lab.session import Phase
from cka_lab.store import MIGRATIONS, LabRow, Store


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "deep" / "db.sqlite3")
    yield store
    store.close()


def lab(name="lab-1", created=1.0):
    return LabRow(name, "etcd-x", "builtin", "sandbox", created, False, {})


def attempt(earned=2):
    checks = (
        CheckResult("a", "a", Outcome.PASS, earned),
        CheckResult("b", "b", Outcome.FAIL, 5 - earned),
    )
    return Attempt("etcd-x", (TaskResult("t", 5, checks),), 10.0, 0.5)


def test_a_lab_and_its_marks_come_back(store):
    store.add_lab(lab())
    store.lab_ready("lab-1", {"kept": Mark("kept", "/k", "dg==", 7, {"revision": 9})})
    found = store.lab("lab-1")
    assert found.ready
    assert found.marks["kept"].facts == {"revision": 9}


def test_the_latest_lab_is_first(store):
    for n in range(3):
        store.add_lab(lab(f"l{n}", n))
    assert [row.id for row in store.labs()] == ["l2", "l1", "l0"]


def test_unknown_labs_are_told(store):
    with pytest.raises(NotFound, match="nope"):
        store.lab("nope")


def test_a_session_comes_back_as_it_was(store):
    session = store.add_session("lab-1", "etcd-x", "sandbox", 5).begin(100).show_hint("t/0")
    store.save_session(session)
    assert store.session("lab-1") == session
    newer = store.add_session("lab-1", "etcd-x", "sandbox", 5)
    assert store.session("lab-1") == newer
    assert newer.phase is Phase.PREPARING


def test_attempts_and_the_one_result_of_a_session(store):
    session = store.add_session("lab-1", "etcd-x", "sandbox", 5)
    store.add_attempt(session, attempt(1), "check", 10)
    store.add_attempt(session, attempt(3), "finish", 20)
    store.add_attempt(session, attempt(5), "finish", 30)
    assert [row.attempt.score.earned for row in store.attempts()] == [5, 3, 1]
    assert [row.attempt.score.earned for row in store.attempts(results_only=True)] == [3]
    assert store.attempts(scenario="other") == []
    assert store.best() == {"etcd-x": (5, 5)}


def test_history_outlives_the_lab(store):
    store.add_lab(lab())
    session = store.add_session("lab-1", "etcd-x", "sandbox", 5)
    store.add_attempt(session, attempt(), "check", 1)
    store.remove_lab("lab-1")
    assert len(store.attempts(session=session.id)) == 1


def test_a_newer_database_is_refused_and_not_touched(tmp_path):
    path = tmp_path / "db"
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    db.close()
    before = path.read_bytes()
    with pytest.raises(UsageError, match="newer cka-lab"):
        Store(path)
    assert path.read_bytes() == before


def test_garbage_is_told_with_a_way_out(tmp_path):
    path = tmp_path / "db"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(LabFailure, match="move that file away"):
        Store(path)


def test_a_killed_writer_leaves_a_readable_database(tmp_path):
    path = tmp_path / "db"
    code = textwrap.dedent(f"""
        from pathlib import Path
        from cka_lab.store import Store, LabRow
        store = Store(Path({str(path)!r}))
        store.add_lab(LabRow("whole", "s", "p", "x", 1.0, True, {{}}))
        store._db.execute("BEGIN IMMEDIATE")
        store._db.execute("INSERT INTO sessions (lab, scenario, provider, minutes, phase) VALUES ('a','b','c',1,'d')")
        print("ready", flush=True)
        import time; time.sleep(60)
    """)
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert child.stdout.readline() == b"ready\n"
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    store = Store(path)
    assert [row.id for row in store.labs()] == ["whole"]
    with pytest.raises(NotFound):
        store.session("a")


def test_two_programs_write_one_database(tmp_path):
    one, two = Store(tmp_path / "db"), Store(tmp_path / "db")
    one.add_lab(lab("a"))
    two.add_lab(lab("b"))
    assert {row.id for row in one.labs()} == {"a", "b"}
