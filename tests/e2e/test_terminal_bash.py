"""The terminal with a real bash and real programs."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widgets import Input

from cka_lab.tui.terminal import Terminal, ghostty
from cka_lab.tui.terminal.demo import LocalShell

pytestmark = pytest.mark.skipif(ghostty.available() is not None, reason=str(ghostty.available()))

BASH = ("bash", "--noprofile", "--norc", "-i")


class Bench(App[None], inherit_bindings=False):
    """A terminal beside a field that can have the focus."""

    ENABLE_COMMAND_PALETTE = False
    CSS = "Input { height: 3; }"

    def __init__(self, argv: tuple[str, ...] = BASH) -> None:
        super().__init__()
        self.argv = argv
        self.channels: list[LocalShell] = []
        self.seen: list[object] = []
        self.keys_here: list[str] = []

    def compose(self) -> ComposeResult:
        yield Input()
        yield Terminal(self.open_shell, reserved=frozenset({"f2"}))

    def open_shell(self, rows: int, cols: int) -> LocalShell:
        self.channels.append(LocalShell(rows, cols, self.argv))
        return self.channels[-1]

    def on_terminal_started(self, event: Terminal.Started) -> None:
        self.seen.append("started")
        self.query_one(Terminal).focus()

    def on_terminal_exited(self, event: Terminal.Exited) -> None:
        self.seen.append(event.code)

    def on_terminal_failed(self, event: Terminal.Failed) -> None:
        self.seen.append(event.error)

    def on_key(self, event: object) -> None:
        self.keys_here.append(event.key)  # type: ignore[attr-defined]


class Hands:
    """Types into the terminal and looks at it."""

    def __init__(self, app: Bench, pilot: Pilot[None]) -> None:
        self.app, self.pilot = app, pilot
        self.terminal = app.query_one(Terminal)

    async def until(self, done: Callable[[], object], seconds: float = 15) -> None:
        end = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < end, f"not yet:\n{self.terminal.text}\n{self.app.seen}"
            await self.pilot.pause(0.02)

    async def see(self, text: str) -> None:
        await self.until(lambda: text in self.terminal.text)

    async def type(self, text: str) -> None:
        await self.pilot.press(*text)

    async def line(self, text: str) -> None:
        await self.type(text)
        await self.pilot.press("enter")


@asynccontextmanager
async def bench(argv: tuple[str, ...] = BASH, size: tuple[int, int] = (100, 30)) -> AsyncIterator[Hands]:
    app = Bench(argv)
    async with app.run_test(size=size) as pilot:
        hands = Hands(app, pilot)
        await hands.until(lambda: app.seen)
        yield hands


@pytest.fixture(autouse=True)
def _plain_prompt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PS1", "$ ")
    monkeypatch.setenv("HISTFILE", str(tmp_path / "history"))


async def test_a_commands_output() -> None:
    async with bench() as hands:
        await hands.line("echo six=$((2*3))")
        await hands.see("six=6")


async def test_size_and_resize() -> None:
    async with bench(size=(100, 30)) as hands:
        await hands.line("stty size")
        await hands.see("27 100")
        await hands.pilot.resize_terminal(70, 20)
        await hands.line("stty size")
        await hands.see("17 70")


async def test_keys_of_apps_reach_the_shell() -> None:
    async with bench() as hands:
        await hands.line("cat -v")
        await hands.pilot.press(
            "ctrl+v", "ctrl+q", "ctrl+v", "ctrl+p", "ctrl+v", "escape", "ctrl+v", "ctrl+c", "tab", "x"
        )
        await hands.see("^Q^P^[^C" + " " * 8 + "x")
        await hands.pilot.press("enter", "ctrl+c")
        await hands.line("echo alive")
        await hands.see("\nalive")
        assert hands.app.focused is hands.terminal


async def test_tab_completes() -> None:
    async with bench() as hands:
        await hands.line("cd $(mktemp -d); touch completed-name")
        await hands.type("ls comp")
        await hands.pilot.press("tab")
        await hands.see("ls completed-name")


@pytest.mark.skipif(not shutil.which("vim"), reason="no vim")
async def test_vim_through_wq(tmp_path: Path) -> None:
    async with bench() as hands:
        await hands.line(f"cd {tmp_path}; vim -N -u NONE note")
        await hands.see("~\n~")
        await hands.type("ihello")
        await hands.pilot.press("enter", *"world", "up", "home", *"> ", "escape")
        await hands.see("> hello\nworld")
        await hands.line(":wq")
        await hands.see("$")
        await hands.until((tmp_path / "note").exists)
        assert (tmp_path / "note").read_text() == "> hello\nworld\n"


async def test_exit_code_and_restart() -> None:
    async with bench() as hands:
        await hands.line("echo first")
        await hands.see("\nfirst")
        await hands.line("exit 7")
        await hands.until(lambda: 7 in hands.app.seen)
        assert not hands.terminal.running
        hands.terminal.restart()
        await hands.until(lambda: hands.app.seen.count("started") == 2)
        await hands.line("echo again")
        await hands.see("\nagain")
        assert "first" not in hands.terminal.text


async def test_restart_of_a_living_shell_tells_no_exit() -> None:
    async with bench() as hands:
        await hands.line("echo first")
        hands.terminal.restart()
        await hands.until(lambda: hands.app.seen.count("started") == 2)
        await hands.pilot.pause(0.2)
        assert hands.app.seen == ["started", "started"]
        assert hands.app.channels[0].wait(5) is not None


async def test_a_flood_doesnt_freeze_the_app() -> None:
    async with bench() as hands:
        worst, last, done = 0.0, time.monotonic(), asyncio.Event()

        async def watch() -> None:
            nonlocal worst, last
            while not done.is_set():
                await asyncio.sleep(0.001)
                now = time.monotonic()
                worst, last = max(worst, now - last), now

        watching = asyncio.create_task(watch())
        start = time.monotonic()
        hands.terminal.send_text("seq 200000; echo do''ne\n")
        await hands.see("200000\ndone")
        took = time.monotonic() - start
        done.set()
        await watching
        print(f"seq 200000: {took:.2f} s, worst lag {worst * 1000:.0f} ms")
        assert worst < 0.5
        await hands.pilot.press("shift+pageup")
        await hands.see("199950")
        await hands.type("x")
        await hands.see("200000\ndone")


async def test_release_and_reserved_keys_go_on() -> None:
    async with bench() as hands:
        await hands.pilot.press("f12", "f2", "a")
        await hands.see("a")
        assert hands.app.keys_here == ["f12", "f2"]


async def test_a_shell_that_cant_be_opened() -> None:
    async with bench(("/no/such/program",)) as hands:
        assert isinstance(hands.app.seen[0], FileNotFoundError)
        assert not hands.terminal.running


async def test_the_end_of_the_app_hangs_up() -> None:
    async with bench() as hands:
        channel = hands.app.channels[0]
    assert channel.fd == -1
    assert channel.wait(5) is not None


async def test_paste_is_bracketed_and_has_no_escapes() -> None:
    async with bench(("sh", "-c", "stty raw -echo; printf '\\033[?2004hready'; cat -v")) as hands:
        await hands.see("ready")
        hands.app.post_message(_paste("one\ntwo\x1b[201~three"))
        await hands.see("^[[200~one^Mtwo[201~three^[[201~")


async def test_the_mouse_selects_and_copies() -> None:
    async with bench() as hands:
        await hands.line("clear; printf 'alpha beta\\ngamma\\n'")
        await hands.see("alpha beta\ngamma")
        await hands.pilot.mouse_down(Terminal, offset=(6, 0))
        await hands.pilot.hover(Terminal, offset=(2, 1))
        await hands.pilot.mouse_up(Terminal, offset=(2, 1))
        assert hands.app.clipboard == "beta\ngam"
        await hands.pilot.click(Terminal, offset=(1, 0), times=2)
        assert hands.app.clipboard == "alpha"


async def test_the_mouse_goes_to_a_program_that_tracks_it() -> None:
    script = "stty raw -echo; printf '\\033[?1002h\\033[?1006hready'; cat -v"
    async with bench(("sh", "-c", script)) as hands:
        await hands.see("ready")
        await hands.pilot.mouse_down(Terminal, offset=(4, 5))
        await hands.pilot.mouse_up(Terminal, offset=(4, 5))
        await hands.see("^[[<0;5;6M^[[<0;5;6m")
        assert hands.app.clipboard == ""


def _paste(text: str) -> object:
    from textual.events import Paste

    return Paste(text)


def test_no_shells_are_left() -> None:
    assert not [line for line in os.popen(f"ps --ppid {os.getpid()} -o comm=") if line.strip() in ("bash", "vim")]
