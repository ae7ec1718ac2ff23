"""Learners' report files: reading them, and comparing what they say in the forms that people write."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal

from cka_lab.api import Mismatch, NodeView, Unreadable

LIMIT = 1 << 20
Form = Literal["text", "number", "set", "list", "lines", "date", "url"]
Value = str | int | float | Sequence[str]
NUMBER = re.compile(r"[-+]?\d[\d_,]*(\.\d+)?")
DATES = ("%b %d %H:%M:%S %Y %Z", "%b %d %Y", "%d %b %Y", "%b %d, %Y", "%d.%m.%Y", "%Y/%m/%d")


def read_text(node: NodeView, path: str) -> str | Mismatch:
    """A small text file; a Mismatch for what is missing, no file, too large or no text."""
    try:
        info = node.stat(path)
        if info is None:
            return Mismatch(f"{path} does not exist", "a file", "nothing")
        if info.kind != "file":
            return Mismatch(f"{path} is no file", "a file", f"a {info.kind}")
        if info.size > LIMIT:
            return Mismatch(f"{path} is far too large for a report", f"at most {LIMIT} bytes", f"{info.size} bytes")
        return node.read(path, LIMIT).decode().lstrip("\ufeff").replace("\r\n", "\n")
    except UnicodeDecodeError:
        return Mismatch(f"{path} is no text", "text", "other bytes")
    except (FileNotFoundError, Unreadable) as error:
        return Mismatch(f"{path} can't be read", "a file", str(error))


def field_of(text: str, key: str) -> str | None:
    """What stands behind ``key=`` or ``key:``; None where nothing or several different things do."""
    found = re.findall(rf"^[ \t\"']*{re.escape(key)}[ \t\"']*[=:](.*)$", text, re.MULTILINE | re.IGNORECASE)
    values = {unquoted(value) for value in found}
    return values.pop() if len(values) == 1 else None


def unquoted(text: str) -> str:
    """Without blanks, a trailing comma and one pair of quotes around it."""
    text = text.strip().rstrip(",").rstrip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'`":
        text = text[1:-1].strip()
    return text


def number(text: str) -> float | None:
    """A whole or decimal number, with separators between thousands if people like."""
    text = text.strip()
    if not NUMBER.fullmatch(text):
        return None
    return float(text.replace(",", "").replace("_", ""))


def items(text: str) -> list[str]:
    """The parts of a list, divided by commas, semicolons or white space, with or without brackets."""
    return [part for part in (unquoted(p) for p in re.split(r"[,;\s]+", text.strip().strip("[](){}"))) if part]


def lines(text: str) -> list[str]:
    """The lines that say anything, without blanks around them."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def day(text: str) -> date | None:
    """The day of a date, as tools and people write it."""
    text = unquoted(text)
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).date()
    except ValueError:
        pass
    for form in DATES:
        try:
            return datetime.strptime(re.sub(r"\s+", " ", text), form).date()
        except ValueError:
            continue
    return None


def url(text: str) -> tuple[str, int]:
    """Host and port of a URL; its scheme and a closing slash don't matter, localhost is 127.0.0.1."""
    rest = re.sub(r"^[a-z]+://", "", unquoted(text).lower()).rstrip("/")
    host, _, port = rest.rpartition(":") if re.search(r":\d+$", rest) else (rest, "", "2379")
    return ("127.0.0.1" if host == "localhost" else host), int(port)


def plain(text: str) -> str:
    """For comparing words: blanks collapsed; a hexadecimal number in small letters."""
    text = " ".join(unquoted(text).split())
    return text.lower() if re.fullmatch(r"(0x)?[0-9a-fA-F]{8,}", text) else text


def same(form: Form, said: str, expected: Value, tolerance: float = 0) -> bool:
    """Does the text say what is expected? ``tolerance``: for numbers, as a share of the expected one."""
    many = [str(e) for e in expected] if not isinstance(expected, str | int | float) else None
    one = str(expected) if many is None else " ".join(many)
    if form == "number":
        value, right = number(unquoted(said)), number(one)
        return value is not None and right is not None and abs(value - right) <= abs(right) * tolerance
    if form == "set":
        return sorted(map(plain, set(items(said)))) == sorted(map(plain, set(many or items(one))))
    if form == "list":
        return [plain(i) for i in items(said)] == [plain(i) for i in many or items(one)]
    if form == "lines":
        return [plain(i) for i in lines(said)] == [plain(i) for i in many or lines(one)]
    if form == "date":
        return day(said) is not None and day(said) == day(one)
    return url(said) == url(one) if form == "url" else plain(said) == plain(one)
