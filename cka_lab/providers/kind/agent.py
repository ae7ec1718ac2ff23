"""The host's end of a node's agent (inside/agent.sh): one long-lived command a node, one question at a time."""

from __future__ import annotations

import base64
import threading
from importlib import resources

from cka_lab.errors import LabFailure, LabGone, Unreadable
from cka_lab.providers.kind.engine import FIX, Exec

ANSWER_SECONDS = 20.0


def script(name: str) -> str:
    """A script that runs inside nodes."""
    return (resources.files("cka_lab.providers.kind") / "inside" / name).read_text()


class Agent:
    """Opens when first asked, opens anew when it was lost; shared by the threads of a grading."""

    def __init__(self, container: str) -> None:
        self.container = container
        self._lock = threading.Lock()
        self._command: Exec | None = None

    def ask(self, op: str, *words: str, timeout: float = ANSWER_SECONDS) -> bytes:
        """One answer. FileNotFoundError, Unreadable; LabGone where the node does not run, LabFailure."""
        line = " ".join([op, *(base64.b64encode(w.encode()).decode() or "=" for w in words)]) + "\n"
        with self._lock:
            for last in (False, True):
                fresh = self._command is None
                try:
                    answer = self._exchange(line.encode(), timeout)
                    break
                except (OSError, LabFailure) as error:
                    self._drop()
                    if last or fresh:
                        if isinstance(error, LabFailure):
                            raise
                        raise LabGone(
                            f"the node {self.container} does not answer ({error or 'timeout'})", fix=FIX
                        ) from error
        if not answer.startswith((b"ok ", b"err ")):  # docker's own words
            raise runs_nothing(self.container, answer)
        return _parse(answer)

    def tell(self, op: str, *words: str) -> None:
        """A question whose answer doesn't matter."""
        self.ask(op, *words)

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        if self._command:
            self._command.close()
        self._command = None

    def _exchange(self, line: bytes, timeout: float) -> bytes:
        if self._command is None:
            argv = ["bash", "-c", 'eval "$AGENT"', "cka-lab-agent"]  # short: learners see it in `ps`
            env = {"AGENT": script("agent.sh"), "NODE": self.container}
            self._command = Exec(self.container, argv, cwd="/", env=env)
        self._command.send(line)
        parts: list[bytes] = []
        while not parts or not parts[-1].endswith(b"\n"):
            frame = self._command.frame(timeout)
            if frame is None:
                raise LabGone(f"the node {self.container} ended in the middle of an answer", fix=FIX)
            stream, data = frame
            if stream == 1:
                parts.append(data)
        return b"".join(parts)


def runs_nothing(container: str, said: bytes) -> LabGone:
    """Where docker could not run our program in a node: what it ``said`` instead."""
    text = said.decode(errors="replace").strip()
    return LabGone(f"the node {container} runs no programs: {text[-300:]}", fix=FIX)


def _parse(line: bytes) -> bytes:
    word, _, rest = line.partition(b" ")
    if word == b"ok":
        return base64.b64decode(rest)
    kind, _, text = rest.partition(b" ")
    said = base64.b64decode(text).decode(errors="replace").strip()
    if kind == b"missing":
        raise FileNotFoundError(said)
    if kind == b"unreadable":
        raise Unreadable(said)
    if kind == b"runtime":
        raise LabFailure(f"the container runtime does not answer: {said[-300:]}")
    raise LabFailure(f"the node's agent says {line[:200]!r}")
