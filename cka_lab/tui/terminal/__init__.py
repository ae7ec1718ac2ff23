"""The terminal inside the TUI: a shell's pty, an emulator, and a widget that draws it."""

from cka_lab.tui.terminal import ghostty, parser
from cka_lab.tui.terminal.widget import Terminal

__all__ = ["Terminal", "ghostty"]

parser.install()
