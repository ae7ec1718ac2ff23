"""Every question the program asks before it does something, and every notice. One function a question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cka_lab.session import Phase
from cka_lab.tui.failures import Failed
from cka_lab.tui.screens.ask import OK, Ask, Choice
from cka_lab.tui.words import points, time_left

if TYPE_CHECKING:
    from cka_lab.lab import Lab, LabStatus


def running_already() -> Ask:
    """Answers: back, new."""
    return Ask(
        "A lab of this scenario is running",
        "",
        Choice("back", "Go back to it", "its state and its clock are as you left them"),
        Choice("new", "Start another one", "the running lab stays as it is"),
        Choice("", "Neither"),
    )


def remove(title: str) -> Ask:
    """Answer: stop."""
    return Ask(
        "Stop this lab?",
        title,
        Choice("stop", "Stop it", "the lab and what you changed in it are removed; your results stay"),
        Choice("", "Leave it as it is"),
    )


def quit_with(titles: Sequence[str]) -> Ask:
    """Answers: keep, stop."""
    several = len(titles) > 1
    it, lab = ("them", "labs are") if several else ("it", "lab is")
    return Ask(
        "Quit?",
        f"{len(titles)} {lab} running: {', '.join(titles)}",
        Choice("keep", f"Keep {it} running and quit", "come back later; a clock that isn't paused goes on"),
        Choice("stop", f"Stop {it} and quit", "what you changed there is removed; your results stay"),
        Choice("", "Stay here"),
    )


def leave(lab: Lab) -> Ask:
    """Answers: home, pause, stop, quit."""
    phase, left = lab.session.phase, time_left(lab.remaining())
    stop = Choice("stop", "Stop it", "the lab and what you changed in it are removed; your results stay")
    choices = [
        Choice("home", "Keep it running, go to the first page", "come back to it from there"),
        Choice("quit", "Keep it running and quit the program", "come back whenever you like"),
        Choice("", "Stay here"),
    ]
    clock = {
        Phase.PREPARING: "its clock has not started yet",
        Phase.RUNNING: f"its clock goes on ({left})",
        Phase.PAUSED: f"its clock is paused ({left})",
        Phase.FINISHED: "its session is finished",
    }
    if phase is Phase.RUNNING:
        choices.insert(1, Choice("pause", "Pause the clock, go to the first page", "the lab keeps running"))
    choices.insert(0 if phase is Phase.FINISHED else len(choices) - 2, stop)
    text = f"The lab outlives the program; {clock[phase]}."
    return Ask("Leave this lab?", text, *choices)


def reset() -> Ask:
    """Answer: reset."""
    return Ask(
        "Reset the lab?",
        "It goes back to the broken state you first saw. What you changed is lost, open shells end, the clock "
        "starts anew.",
        Choice("reset", "Reset it"),
        Choice("", "Go on as it is"),
    )


def finish() -> Ask:
    """Answer: finish."""
    return Ask(
        "Finish?",
        "The lab is graded as it stands: that is your result. The clock stops.",
        Choice("finish", "Finish and see the results"),
        Choice("", "Go on working"),
    )


def solution() -> Ask:
    """Answer: show."""
    return Ask(
        "Show the solution?",
        "It takes away the exercise. Hints (F3) are smaller steps; F2 says what is still wrong.",
        Choice("show", "Show it"),
        Choice("", "Not yet"),
    )


def hint(most: int) -> Ask:
    """Answer: hint."""
    return Ask(
        "Take a hint?",
        f"In this scenario a hint costs up to {points(most)}.",
        Choice("hint", "Take it"),
        Choice("", "Not yet"),
    )


def failed(failure: Failed) -> Ask:
    """Answer, where the lab is gone: reset."""
    title = f"Failed: {failure.doing}"
    fix = f"\n\nWhat to do: {failure.fix}" if failure.fix else ""
    if failure.gone:
        revive = Choice("reset", "Reset it now", "starts it anew in the broken state you first saw")
        return Ask(title, f"{failure.why}.", revive, Choice("", "Not now"))
    return Ask(title, f"{failure.why}{fix}", OK)


def problem(lab: LabStatus) -> Ask:
    """A lab one can't go back to as it is. Answers: open, stop."""
    choices = [Choice("stop", "Remove it"), Choice("", "Leave it as it is")]
    if lab.phase:
        choices.insert(0, Choice("open", "Go to it", "a reset (F5) there starts it anew"))
    return Ask("This lab is not all right", lab.problem, *choices)
