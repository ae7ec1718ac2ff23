"""Scores: integers, one place for percent, guards and unchecked points."""

from hypothesis import given
from hypothesis import strategies as st

from cka_lab.jsonform import attempt_from_json, attempt_to_json
from cka_lab.model import Attempt, CheckResult, Diagnosis, Mismatch, Outcome, Score, TaskResult


def check(name, outcome, points=0, guard=False):
    return CheckResult(name, name, outcome, points, guard)


def task(*checks, weight=5, penalty=0):
    return TaskResult("t", weight, checks, penalty)


def test_points_of_passed_checks_add_up():
    result = task(check("a", Outcome.PASS, 2), check("b", Outcome.FAIL, 3))
    assert result.score == Score(2, 5)
    assert result.score.percent == 40


def test_a_broken_guard_makes_the_task_score_nothing():
    result = task(check("a", Outcome.PASS, 5), check("g", Outcome.FAIL, guard=True))
    assert result.score == Score(0, 5)
    assert [c.id for c in result.broken_guards] == ["g"]


def test_what_could_not_be_checked_is_counted_apart():
    result = task(check("a", Outcome.PASS, 2), check("b", Outcome.ERROR, 3))
    assert result.score == Score(2, 5, 3)
    assert not result.score.full


def test_a_guard_that_could_not_be_checked_leaves_the_points_open():
    result = task(check("a", Outcome.PASS, 2), check("b", Outcome.FAIL, 3), check("g", Outcome.ERROR, guard=True))
    assert result.score == Score(0, 5, 2)


def test_hints_cost_but_never_below_zero():
    assert task(check("a", Outcome.PASS, 5), penalty=2).score == Score(3, 5)
    assert task(check("a", Outcome.PASS, 1), check("b", Outcome.FAIL, 4), penalty=2).score == Score(0, 5)


def test_percent_is_rounded_down_so_that_100_means_full_marks():
    assert Score(199, 200).percent == 99
    assert Score(0, 0).percent == 0


def test_a_diagnosis_is_told_once():
    wrong = Diagnosis("live-copy", "not a snapshot")
    failed = [CheckResult(n, n, Outcome.FAIL, 1, mismatch=Mismatch("m", diagnosis=wrong)) for n in "ab"]
    assert Attempt("s", (task(*failed),), 0, 0).diagnoses == (wrong,)


texts = st.text(max_size=20)
diagnoses = st.none() | st.builds(Diagnosis, texts, texts)
mismatches = st.none() | st.builds(Mismatch, texts, texts, texts, diagnoses)
checks = st.builds(
    CheckResult,
    texts,
    texts,
    st.sampled_from(Outcome),
    st.integers(0, 9),
    st.booleans(),
    mismatches,
    texts,
    st.just(0.5),
)
tasks = st.builds(TaskResult, texts, st.integers(0, 50), st.lists(checks, max_size=4).map(tuple), st.integers(0, 3))


@given(st.builds(Attempt, texts, st.lists(tasks, max_size=3).map(tuple), st.just(1.0), st.just(0.25)))
def test_an_attempt_survives_json(attempt):
    assert attempt_from_json(attempt_to_json(attempt)) == attempt
