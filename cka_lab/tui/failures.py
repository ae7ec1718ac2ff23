"""What thread workers post when a call ends badly. No traceback reaches the user: it goes to the log."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from textual.message import Message

from cka_lab import paths
from cka_lab.errors import Cancelled, CkaLabError, LabGone


class Failed(Message):
    """A call failed: what was being done, why, and what to do next. ``gone``: the lab is not running any more."""

    def __init__(self, doing: str, why: str, fix: str = "", *, gone: bool = False) -> None:
        super().__init__()
        self.doing, self.why, self.fix, self.gone = doing, why, fix, gone


class Stopped(Message):
    """The user cancelled what was being done."""

    def __init__(self, doing: str) -> None:
        super().__init__()
        self.doing = doing


def failure(doing: str, error: Exception) -> Failed:
    """The message for ``error``; an unexpected one is written to the log."""
    if isinstance(error, CkaLabError):
        return Failed(doing, error.message, error.fix, gone=isinstance(error, LabGone))
    where = write_log(error)
    return Failed(
        doing,
        f"{type(error).__name__}: {error}\nThis is our failure, not yours.",
        f"details are in {where}",
    )


@contextmanager
def failures_posted(post: Callable[[Message], object], doing: str) -> Iterator[None]:
    """Turn whatever is raised inside into a message."""
    try:
        yield
    except Cancelled:
        post(Stopped(doing))
    except Exception as error:
        post(failure(doing, error))


def write_log(error: BaseException) -> Path:
    """Append a traceback to the log; the log's path."""
    where = paths.log()
    paths.make_private(where.parent)
    with where.open("a") as file:
        file.write(f"--- {time.strftime('%Y-%m-%d %H:%M:%S')}\n")
        traceback.print_exception(error, file=file)
    return where
