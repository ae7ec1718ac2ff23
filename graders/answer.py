"""What the learner wrote into a report."""

from __future__ import annotations

from collections.abc import Sequence

from cka_lab.api import LabFailure, LabPath, LabView, Mismatch, Unreadable, grader
from graders._reports import Form, Value, field_of, read_text, same


@grader("answer")
def answer(
    lab: LabView,
    *,
    path: LabPath,
    key: str | None = None,
    expect: str | int | float | Sequence[str] | None = None,
    accepts: Sequence[str] = (),
    from_: str | None = None,
    end_of: LabPath | None = None,
    form: Form = "text",
    tolerance: float = 0,
    node: str | None = None,
) -> Mismatch | None:
    """A report says what is expected: the whole file, or what stands behind ``key=`` (or ``key:``).

    ``expect``, or one of ``accepts``, or ``from: MARK.FACT`` (a fact recorded at set-up), or the
    day on which the certificate in ``end_of`` ends. ``form`` is what is compared:
    trimmed text (case counts, but not in a hexadecimal number), a number (within ``tolerance``, a share of it), a set,
    a list in order, lines, the day of a date, a URL's host and port. Tells a missing file, a missing key and a key that
    is given twice from a wrong answer.
    """
    text = read_text(lab.node(node), path)
    if isinstance(text, Mismatch):
        return text
    said = field_of(text, key) if key else text
    if said is None:
        return Mismatch(f"{path} does not say “{key}=” once", f"{key}=...", text[:200].strip())
    expected: list[Value] = [expect] if expect is not None else []
    expected += [fact(lab, from_)] if from_ else []
    expected += accepts
    if end_of:
        expected += last_day(lab, end_of, node)
    if not expected and not end_of:
        raise LabFailure("answer: it needs expect, accepts or from")
    if any(same(form, said, value, tolerance) for value in expected):
        return None
    return Mismatch(f"{path} does not give the right answer", f"another {key or 'answer'}", said.strip()[:200])


def last_day(lab: LabView, path: str, node: str | None) -> list[Value]:
    """The day on which the certificate in a file ends; nothing where there is no certificate."""
    from cryptography.x509 import load_pem_x509_certificate

    try:
        found = load_pem_x509_certificate(lab.node(node).read(path, 1 << 20))
    except (FileNotFoundError, Unreadable, ValueError):
        return []
    return [found.not_valid_after_utc.date().isoformat()]


def fact(lab: LabView, name: str) -> Value:
    """A fact of a mark, named MARK.FACT (or MARK.key)."""
    mark, _, what = name.partition(".")
    if mark not in lab.marks or not what:
        raise LabFailure(f"there is no recorded fact {name!r}")
    value: Value = lab.marks[mark].key if what == "key" else lab.marks[mark].facts[what]
    return value
