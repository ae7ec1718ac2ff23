"""Grading: order, parallelism, retries, and whose failure it is."""

import threading
import time
from types import SimpleNamespace

import pytest

from cka_lab.api import Grader, Mismatch
from cka_lab.errors import Cancelled
from cka_lab.grading import Once, View, grade, in_order
from cka_lab.model import CheckFinished, CheckWaiting, Outcome, Score, StillFollowing
from cka_lab.plugins import Registry


def check(name, uses="good", points=1, after=(), guard=False, **params):
    return SimpleNamespace(id=name, uses=uses, with_=params, points=points, after=after, guard=guard, says=name)


def scenario(*checks):
    task = SimpleNamespace(id="t", weight=sum(c.points for c in checks if not c.guard), checks=checks)
    return SimpleNamespace(id="s", tasks=(task,))


def registry(**graders):
    graders = {"good": lambda lab: None, "bad": lambda lab: Mismatch("no", "this", "that"), **graders}
    return Registry(graders={n: Grader(n, f) for n, f in graders.items()}, faults={})


CLUSTER = SimpleNamespace(provider="none", follow_seconds=0.0, trouble=lambda: "")


def run(*checks, emit=lambda event: None, cancel=None, **graders):
    return grade(scenario(*checks), registry(**graders), CLUSTER, {}, emit=emit, cancel=cancel)


def outcomes(attempt):
    return [c.outcome.value for c in attempt.checks]


def test_pass_and_fail():
    attempt = run(check("a", points=2), check("b", "bad", points=3))
    assert outcomes(attempt) == ["pass", "fail"]
    assert attempt.score == Score(2, 5)
    assert attempt.checks[1].mismatch == Mismatch("no", "this", "that")


def test_a_check_behind_a_failed_one_is_skipped_and_not_asked():
    asked = []
    attempt = run(check("a", "bad"), check("b", "spy", after=["a"]), spy=lambda lab: asked.append(1))
    assert outcomes(attempt) == ["fail", "skip"]
    assert asked == []


def test_a_grader_that_raises_is_our_failure_after_one_retry():
    calls = []

    def broken(lab):
        calls.append(1)
        raise OSError("no route")

    attempt = run(check("a", "broken", points=2), check("b", after=["a"]), broken=broken)
    assert outcomes(attempt) == ["error", "error"]
    assert len(calls) == 2
    assert "no route" in attempt.checks[0].error
    assert attempt.score == Score(0, 3, 3)


def test_a_retry_that_succeeds_counts():
    calls = []

    def flaky(lab):
        calls.append(1)
        if len(calls) == 1:
            raise OSError("once")

    assert outcomes(run(check("a", "flaky"), flaky=flaky)) == ["pass"]


def test_independent_checks_run_at_the_same_time():
    meeting = threading.Barrier(3, timeout=5)
    attempt = run(*(check(n, "meet") for n in "abc"), meet=lambda lab: meeting.wait() and None)
    assert outcomes(attempt) == ["pass"] * 3


def test_many_checks_in_a_chain_do_not_block_each_other():
    chain = [check(f"c{n}", after=[f"c{n + 1}"]) for n in range(30)] + [check("c30")]
    assert outcomes(run(*chain)) == ["pass"] * 31


def test_order_follows_after():
    task = scenario(check("a", after=["c"]), check("b", after=["a"]), check("c")).tasks[0]
    assert [c.id for c in in_order(task)] == ["c", "a", "b"]


def test_a_broken_guard_takes_all_points():
    assert run(check("a", points=4), check("g", "bad", guard=True)).score == Score(0, 4)


def test_results_are_told_as_they_come():
    events = []
    run(check("a"), emit=events.append)
    assert [e.result.outcome for e in events if isinstance(e, CheckFinished)] == [Outcome.PASS]


def test_cancel_ends_the_grading():
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        run(check("a"), cancel=cancel)


def test_an_age_is_waited_for_only_as_far_as_it_is_missing():
    born, events = time.monotonic() - 0.7, []

    def aged(lab):
        lab.hold(1.0, lambda: time.monotonic() - born)

    began = time.monotonic()
    assert outcomes(run(check("a", "aged"), emit=events.append, aged=aged)) == ["pass"]
    assert 0.2 < time.monotonic() - began < 0.9
    assert any(isinstance(e, CheckWaiting) for e in events)


def test_waiting_ends_when_the_thing_starts_anew():
    ages = iter([0.5, 0.6, 0.1, 0.2])
    View(CLUSTER, {}).hold(30, lambda: next(ages))
    assert next(ages) == 0.2


def test_hints_do_not_wait():
    began = time.monotonic()
    View(CLUSTER, {}, patient=False).hold(30, lambda: 0.0)
    assert time.monotonic() - began < 0.2


SLOW = SimpleNamespace(provider="none", follow_seconds=60.0, trouble=lambda: "")


def test_a_lab_on_its_way_is_waited_for():
    looks = iter([True, True, False])

    def following(lab):
        lab.follow(lambda: next(looks), "the kubelet")

    events = []
    grade(scenario(check("a", "f")), registry(f=following), SLOW, {}, emit=events.append)
    assert [e.what for e in events if isinstance(e, CheckWaiting)] == ["the kubelet"] * 2
    assert not [e for e in events if isinstance(e, StillFollowing)]


def test_a_quick_check_waits_a_moment_in_all_and_says_so(monkeypatch):
    monkeypatch.setattr("cka_lab.grading.SHORTLY", 0.5)

    def following(lab):
        for _ in range(3):
            lab.follow(lambda: True, "the kubelet")

    events, began = [], time.monotonic()
    grade(scenario(check("a", "f")), registry(f=following), SLOW, {}, emit=events.append, wait=False)
    assert 0.4 < time.monotonic() - began < 2
    assert StillFollowing("the kubelet") in events


def test_what_has_a_limit_of_its_own_is_not_waited_for_longer():
    events, began = [], time.monotonic()

    def following(lab):
        lab.follow(lambda: True, "the Pods", within=0.3)

    assert outcomes(grade(scenario(check("a", "f")), registry(f=following), SLOW, {}, emit=events.append)) == ["pass"]
    assert time.monotonic() - began < 2
    assert not [e for e in events if isinstance(e, StillFollowing)]


def test_a_check_that_has_waited_long_is_not_asked_again(monkeypatch):
    monkeypatch.setattr("cka_lab.grading.RETRY_WITHIN", 0.1)
    asked = []

    def silent(lab):
        asked.append(1)
        time.sleep(0.2)
        raise OSError("no answer")

    assert outcomes(run(check("a", "silent"), silent=silent)) == ["error"]
    assert asked == [1]


def test_what_befell_the_place_is_not_the_learners_failure():
    place = SimpleNamespace(provider="none", follow_seconds=0.0, trouble=lambda: "a machine is paused")
    checks = [check("a"), check("b", "bad"), check("c", after=["b"])]
    attempt = grade(scenario(*checks), registry(), place, {})
    assert outcomes(attempt) == ["pass", "error", "error"]
    assert attempt.checks[1].error == "a machine is paused"
    assert attempt.score == Score(1, 3, 2)


def test_shared_answers_are_made_once():
    once, made = Once(), []

    def make():
        time.sleep(0.05)
        made.append(1)
        return 42

    threads = [threading.Thread(target=once, args=(("k",), make)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (once(("k",), make), made) == (42, [1])


def test_graders_can_not_reach_what_writes():
    class Node:
        name = "n"

        def write(self, *args):
            raise AssertionError

    view = View(SimpleNamespace(provider="p", follow_seconds=0.0, node=lambda name: Node()), {})
    assert not hasattr(view.node(), "write")
    assert not hasattr(view.node(), "run")
