"""The facade, on the fake provider: every verb, and what happens when things go wrong."""

import threading

import pytest

from cka_lab.catalog import Catalog
from cka_lab.doctor import examine, mend
from cka_lab.errors import Cancelled, LabFailure, LabGone, NotAvailable, NotFound, UsageError
from cka_lab.lab import Labs
from cka_lab.providers.fake import FakeProvider
from cka_lab.session import Phase
from cka_lab.store import Store
from cka_lab.wait import Progress

GRADERS = """
from cka_lab.api import LabPath, LabView, LabWriter, Mark, Mismatch, Diagnosis, RecordedMark, MarkName, fault, grader

WRONG = Diagnosis("wrong-text", "Read the task again.")

@grader("says")
def says(lab: LabView, *, path: LabPath, text: str) -> Mismatch | None:
    if lab.node().stat(path) is None:
        return Mismatch("not there", text, "nothing")
    found = lab.node().read(path).decode()
    return None if found == text else Mismatch("wrong", text, found, WRONG)

@grader("mark_is")
def mark_is(lab: LabView, *, mark: MarkName, value: str) -> Mismatch | None:
    return None if lab.marks[mark].value == value else Mismatch("no")

@grader("explodes")
def explodes(lab: LabView) -> Mismatch | None:
    raise OSError("out of reach")

@fault("put_file")
def put_file(lab: LabWriter, *, path: LabPath, text: str, mark: RecordedMark | None = None) -> None:
    lab.node().write(path, text.encode())
    if mark:
        lab.record(Mark(mark, value=text))

@fault("fails")
def fails(lab: LabWriter) -> None:
    raise OSError("no way")
"""
SCENARIO = """
schema: 1
title: Write it
domain: storage
difficulty: 1
minutes: 5
requires: [etcd]
setup: [{uses: put_file, with: {path: /opt/in, text: in, mark: kept}}]
faults: [{uses: put_file, with: {path: /opt/x, text: broken}, bites: {uses: says, with: {path: /opt/x, text: broken}}}]
tasks:
  - id: one
    weight: 5
    text: Write good to /opt/x.
    checks:
      - {id: right, points: 5, uses: says, with: {path: /opt/x, text: good}, says: it is good}
      - {id: kept, guard: true, uses: mark_is, with: {mark: kept, value: in}, says: kept}
    hints:
      - {text: first, when: {check: right}, costs: 2}
      - {text: when it passes, when: {check: right, outcome: pass}}
      - {text: always}
mistakes: []
explanation: so
"""


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def pack(tmp_path):
    folder = tmp_path / "pack"
    (folder / "graders").mkdir(parents=True)
    (folder / "graders" / "mine.py").write_text(GRADERS)
    add(folder, "write-it", SCENARIO)
    return folder


def add(pack, name, text):
    folder = pack / "scenarios" / "storage" / name
    folder.mkdir(parents=True)
    (folder / "scenario.yaml").write_text(text)
    (folder / "solution.sh").write_text("true")


@pytest.fixture
def labs(tmp_path, pack, clock):
    return Labs(Catalog.find([pack]), Store(tmp_path / "db"), {"fake": FakeProvider()}, clock)


def write(lab, text):
    lab.cluster.node().write("/opt/x", text.encode())


def test_a_sitting_from_start_to_result(labs, clock):
    lab = labs.start("write-it")
    assert lab.session.phase is Phase.PREPARING
    assert lab.remaining() == 300
    lab.begin()
    clock.now += 60
    attempt = lab.check()
    assert attempt.score.earned == 0
    assert [d.code for d in attempt.diagnoses] == ["wrong-text"]
    write(lab, "good")
    clock.now += 30
    assert lab.finish().score.full
    assert lab.session.phase is Phase.FINISHED
    clock.now += 1000
    assert lab.remaining() == 210
    assert [(r.kind, r.used) for r in lab.attempts()] == [("finish", 90), ("check", 60)]
    lab.stop()
    assert labs.status() == []
    assert [r.attempt.score.earned for r in labs.history()] == [5, 0]
    assert labs.store.best()["write-it"] == (5, 5)


def test_a_lab_is_opened_again_with_its_time_and_marks(labs, clock, pack):
    lab = labs.start("write-it")
    lab.begin()
    clock.now += 100
    again = Labs(Catalog.find(), labs.store, labs.providers, clock).open()
    assert again.id == lab.id
    assert again.remaining() == 200
    assert again.row.marks["kept"].value == "in"
    assert again.check().checks[1].outcome.value == "pass"


def test_labs_are_found_by_a_unique_beginning(labs):
    one, two = labs.start("write-it"), labs.start("write-it")
    assert labs.open().id == two.id
    assert labs.open(one.id[:-1]).id == one.id
    with pytest.raises(UsageError, match="could be any"):
        labs.open("write")
    with pytest.raises(NotFound):
        labs.open("nope")


def test_hints_are_for_what_is_wrong_now_and_cost_what_they_say(labs):
    lab = labs.start("write-it")
    assert lab.hint().text == "first"
    write(lab, "good")
    assert lab.hint().text == "when it passes"
    assert lab.hint() is None
    assert [h.text for h in lab.shown_hints()] == ["first", "when it passes"]
    assert lab.check().score.earned == 3
    write(lab, "bad")
    assert lab.hint().text == "always"


def test_reset_brings_back_the_fault_and_a_fresh_clock(labs, clock):
    lab = labs.start("write-it")
    lab.begin()
    lab.hint()
    write(lab, "good")
    clock.now += 250
    lab.reset()
    assert lab.cluster.node().read("/opt/x") == b"broken"
    assert lab.session.phase is Phase.PREPARING
    assert lab.remaining() == 300
    assert lab.shown_hints() == []


def test_pause_and_the_time_being_up(labs, clock):
    lab = labs.start("write-it")
    lab.begin()
    clock.now += 100
    lab.pause()
    clock.now += 5000
    lab.resume()
    assert lab.remaining() == 200
    clock.now += 200
    assert lab.session.due(lab.now())
    lab.finish(time_up=True)
    assert lab.attempts()[0].kind == "time-up"


def test_a_fault_that_does_not_bite_is_our_failure_and_leaves_nothing(labs, pack, monkeypatch):
    monkeypatch.setattr("cka_lab.faults.BITES_WITHIN", 0.1)
    add(pack, "toothless", SCENARIO.replace("text: broken}}}", "text: other}}}"))
    labs.catalog = Catalog.find([pack])
    with pytest.raises(LabFailure, match="does not bite"):
        labs.start("toothless")
    assert labs.status() == []
    assert labs.providers["fake"].labs() == []


def test_a_start_that_is_cancelled_leaves_nothing(labs):
    progress = Progress(cancel=threading.Event())

    def cancel_at_the_fault(event):
        if "fault" in event.title:
            progress.cancel.set()

    progress.emit = cancel_at_the_fault
    with pytest.raises(Cancelled):
        labs.start("write-it", progress=progress)
    assert labs.status() == []
    assert labs.providers["fake"].labs() == []


def test_whatever_breaks_a_start_leaves_nothing(labs, pack):
    broken = SCENARIO.replace("uses: put_file, with: {path: /opt/in, text: in, mark: kept}", "uses: fails")
    guard = "uses: says, with: {path: /opt/in, text: in}"
    add(pack, "breaks", broken.replace("uses: mark_is, with: {mark: kept, value: in}", guard))
    labs.catalog = Catalog.find([pack])
    with pytest.raises(OSError, match="no way"):
        labs.start("breaks")
    assert labs.status() == []


def test_what_is_not_available_says_why(labs, pack):
    add(pack, "needs", SCENARIO.replace("requires: [etcd]", "requires: [etcd, systemd]"))
    labs.catalog = Catalog.find([pack])
    scenario = labs.catalog.get("needs")
    assert not labs.availability(scenario)
    with pytest.raises(NotAvailable, match="fake: lacks systemd"):
        labs.start("needs")
    with pytest.raises(UsageError, match="no provider"):
        labs.start("write-it", "moon")


def test_what_could_not_be_checked_is_ours(labs, pack):
    add(pack, "error", SCENARIO.replace("uses: says, with: {path: /opt/x, text: good}", "uses: explodes"))
    labs.catalog = Catalog.find([pack])
    score = labs.start("error").check().score
    assert (score.earned, score.unchecked) == (0, 5)


def test_a_dead_lab_is_told_and_a_reset_revives_it(labs):
    lab = labs.start("write-it")
    lab.cluster.living = False
    with pytest.raises(LabGone, match="reset"):
        lab.check()
    assert "gone" in labs.status()[0].problem
    lab.reset()
    assert lab.check().score.possible == 5


def test_left_overs_are_found_and_removed(labs, clock):
    from cka_lab.api import ClusterSpec

    labs.providers["fake"].create("stray", ClusterSpec(), Progress())
    lab = labs.start("write-it")
    assert labs.leftovers() == ["stray"]
    report = examine(labs)
    assert [f.leftover for f in report.findings] == ["stray"]
    after = mend(labs, report, say=print)
    assert [f.fixed for f in after.findings] == [True]
    assert labs.providers["fake"].labs() == [lab.id]
    assert labs.clean() == [lab.id]


def test_a_start_that_died_is_found_after_a_while(labs, clock):
    lab = labs.start("write-it")
    labs.store._db.execute("UPDATE labs SET ready = 0")
    assert "never finished" in labs.status()[0].problem
    with pytest.raises(UsageError, match="never finished"):
        labs.open()
    assert not examine(labs).findings
    clock.now += 1000
    (finding,) = examine(labs).findings
    assert finding.leftover == lab.id
    mend(labs, examine(labs), say=print)
    assert labs.status() == []
