"""The tree of errors.

::

    CkaLabError                 everything this program raises on purpose
    ├── UsageError              the user asked for something that makes no sense          exit 2
    │   ├── ScenarioErrors      one or more located errors in a scenario or pack
    │   └── NotFound            no such lab, scenario, shell ...
    ├── NotAvailable            this machine or provider can't do it; says why            exit 3
    ├── Cancelled               the user cancelled; what was made has been removed       exit 130
    └── LabFailure              our failure, never the learner's                          exit 4
        ├── CommandFailed       a subprocess ended badly; prints a command to paste
        ├── TimedOut            a question stayed unanswered; keeps the last reason
        ├── LabGone             the lab's processes are not there (any more)
        ├── TrialFailed         a throw-away Pod did not come to run (and what was seen of it)
        └── Unreadable          a file of the lab could not be read (and why)
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence


class CkaLabError(Exception):
    """Everything this program raises on purpose. ``fix`` says what to do next."""

    exit_code = 4

    def __init__(self, message: str, *, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message}\n  fix: {self.fix}" if self.fix else self.message


class UsageError(CkaLabError):
    """The user asked for something that makes no sense."""

    exit_code = 2


class NotFound(UsageError):
    """There is no lab, scenario or attempt of that name."""


class ScenarioErrors(UsageError):
    """All errors found in scenario files; ``lines`` holds ``path:line:column: text`` each."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)


class NotAvailable(CkaLabError):
    """This machine or this provider can't do it, and why."""

    exit_code = 3


class Cancelled(CkaLabError):
    """The user cancelled a procedure; what it had made is removed."""

    exit_code = 130

    def __init__(self, message: str = "cancelled") -> None:
        super().__init__(message)


class LabFailure(CkaLabError):
    """Our failure, never the learner's."""


class CommandFailed(LabFailure):
    """A subprocess ended badly; the message holds a line that can be pasted into a shell."""

    def __init__(self, argv: Sequence[str], code: int | None, err: str, *, fix: str = "") -> None:
        how = "timed out" if code is None else f"exit {code}"
        super().__init__(f"{shlex.join(argv)}: {how}\n{err.strip()[-2000:]}".rstrip(), fix=fix)
        self.argv = tuple(argv)
        self.code = code
        self.err = err


class TimedOut(LabFailure):
    """A question stayed unanswered until its deadline; the message keeps the last reason."""


class LabGone(LabFailure):
    """The lab's processes are not there: never started, stopped, or killed."""


class TrialFailed(LabFailure):
    """A throw-away Pod did not come to run. What is at fault, the cluster or we, is for the caller to judge."""


class Unreadable(LabFailure):
    """A file of the lab could not be read: not a regular file, too large, or no answer."""
