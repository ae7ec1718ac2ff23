"""Textual's keys as the bytes xterm would send, in its legacy encoding."""

from __future__ import annotations

from textual.keys import KEY_NAME_REPLACEMENTS, key_to_character

ESC = b"\x1b"
SHIFT, ALT, CTRL = 1, 2, 4
MODIFIERS = {"shift": SHIFT, "alt": ALT, "meta": ALT, "ctrl": CTRL}
"""Their weights in xterm's modifier parameter; others (super, hyper) have no legacy form."""

CURSOR_KEYS = {"up": "A", "down": "B", "right": "C", "left": "D", "home": "H", "end": "F"}
TILDE_KEYS = {"insert": 2, "delete": 3, "pageup": 5, "pagedown": 6} | {
    f"f{number}": code for number, code in zip(range(5, 13), (15, 17, 18, 19, 20, 21, 23, 24), strict=True)
}
SS3_KEYS = {"f1": "P", "f2": "Q", "f3": "R", "f4": "S"}
CONTROLS = {" ": 0, "@": 0, "2": 0, "[": 27, "3": 27, "\\": 28, "4": 28, "]": 29, "5": 29}
CONTROLS |= {"^": 30, "~": 30, "6": 30, "_": 31, "/": 31, "-": 31, "7": 31, "?": 127, "8": 127}
SHIFTED = dict(zip("`1234567890-=[]\\;',./", '~!@#$%^&*()_+{}|:"<>?', strict=True))
"""A terminal with the kitty protocol names the unshifted key; assume an American keyboard."""

UNICODE_NAMES = {short: name for name, short in KEY_NAME_REPLACEMENTS.items()}
"""Textual's shorter names of some characters."""


def encode(
    key: str, character: str | None = None, *, application_cursor: bool = False, raw: str | None = None
) -> bytes:
    """The bytes for Textual's ``key``; ``raw`` is what the outer terminal sent for it, where that is known."""
    if raw is not None and _as_it_came(key, raw):
        return raw.encode()
    *names, base = key.split("+")
    if not all(name in MODIFIERS for name in names):
        return b""
    held = sum({MODIFIERS[name] for name in names})
    sequence = _function_key(base, held, application_cursor)
    return _typed(base, held, character) if sequence is None else sequence


def _as_it_came(key: str, raw: str) -> bool:
    """Whether Textual's name has lost something: Alt, ctrl+h, or a sequence that it turned into several keys."""
    two = len(raw) == 2 and raw[0] == "\x1b"
    return not raw or raw == "\x08" or two or (key == "escape" and len(raw) > 1)


def _function_key(base: str, held: int, application_cursor: bool) -> bytes | None:
    """Arrows and the like; None for other keys."""
    parameter = f";{held + 1}" if held else ""
    if base in CURSOR_KEYS:
        start = "\x1b[1" + parameter if held else "\x1bO" if application_cursor else "\x1b["
        return (start + CURSOR_KEYS[base]).encode()
    if base in TILDE_KEYS:
        return f"\x1b[{TILDE_KEYS[base]}{parameter}~".encode()
    if base in SS3_KEYS:
        return (("\x1b[1" + parameter if held else "\x1bO") + SS3_KEYS[base]).encode()
    return None


def _typed(base: str, held: int, character: str | None) -> bytes:
    """Keys that stand for one character, perhaps a control character."""
    escape = ESC if held & ALT else b""
    if base == "tab":
        return escape + (b"\x1b[Z" if held & SHIFT else b"\t")
    if base == "backspace":
        return escape + (b"\x08" if held & CTRL else b"\x7f")
    if base in ("enter", "escape"):
        return escape + (b"\r" if base == "enter" else ESC)
    symbol = _symbol(base, held, character)
    if held & CTRL and (control := _control(symbol)):
        return escape + control
    return escape + symbol.encode(errors="ignore") if symbol else b""


def _symbol(base: str, held: int, character: str | None) -> str:
    """The character that was typed, without Ctrl and Alt; "" if the key types none."""
    if character and character.isprintable():
        return character
    name = UNICODE_NAMES.get(base, base)
    symbol = name if len(name) == 1 else key_to_character(name) or ""
    if not held & SHIFT:
        return symbol
    return symbol.upper() if symbol.isalpha() else SHIFTED.get(symbol, symbol)


def _control(symbol: str) -> bytes:
    if symbol.isascii() and symbol.isalpha():
        return bytes([ord(symbol) & 31])
    return bytes([CONTROLS[symbol]]) if symbol in CONTROLS else b""


def pasted(text: str, *, bracketed: bool) -> bytes:
    """Pasted text as typed text: no control characters, least of all ones that end a bracketed paste."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    typed = "\r".join("".join(char for char in line if char == "\t" or not _is_control(char)) for line in lines)
    data = typed.encode(errors="ignore")
    return b"\x1b[200~" + data + b"\x1b[201~" if bracketed else data


def _is_control(char: str) -> bool:
    return char < " " or "\x7f" <= char <= "\x9f"
