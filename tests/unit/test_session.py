"""The session's state machine; the time is always passed in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cka_lab.errors import UsageError
from cka_lab.session import Phase, Session

FRESH = Session(1, "lab", "scenario", "sandbox", minutes=5)


def test_the_clock_does_not_run_before_the_prompt_is_there():
    assert FRESH.remaining(1e9) == 300
    assert not FRESH.due(1e9)


def test_the_clock_starts_once():
    running = FRESH.begin(1000)
    assert running.phase is Phase.RUNNING
    assert running.begin(1100) == running
    assert running.remaining(1100) == 200


def test_wall_time_goes_on_and_the_time_is_up_at_zero():
    running = FRESH.begin(1000)
    assert not running.due(1299.9)
    assert running.due(1300)
    assert running.remaining(1310) == -10


def test_a_pause_keeps_what_is_left():
    paused = FRESH.begin(1000).pause(1060)
    assert paused.remaining(9999) == 240
    assert not paused.due(9999)
    assert paused.resume(5000).remaining(5010) == 230


def test_only_what_runs_can_be_paused():
    with pytest.raises(UsageError, match="preparing"):
        FRESH.pause(1)
    with pytest.raises(UsageError, match="running"):
        FRESH.begin(1).resume(2)


def test_finishing_stops_the_clock_once():
    done = FRESH.begin(1000).finish(1100)
    assert (done.left, done.finished) == (200, 1100)
    assert done.finish(1200) == done
    assert not done.due(9999)


def test_finishing_late_leaves_nothing():
    assert FRESH.begin(1000).finish(2000).left == 0


def test_a_hint_is_remembered_once():
    assert FRESH.show_hint("t/0").show_hint("t/0").hints == ("t/0",)


@given(st.lists(st.tuples(st.sampled_from(["begin", "pause", "resume", "finish"]), st.floats(0, 500)), max_size=12))
def test_used_and_remaining_always_add_up_to_the_whole_time(moves):
    session, now = FRESH, 1000.0
    for verb, wait in moves:
        now += wait
        try:
            session = getattr(session, verb)(now)
        except UsageError:
            continue
        assert session.used(now) + session.remaining(now) == pytest.approx(300)
