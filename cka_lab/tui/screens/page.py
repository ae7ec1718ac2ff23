"""A screen that knows whether there is room for two columns."""

from __future__ import annotations

from typing import TypeVar

from textual.screen import Screen

T = TypeVar("T")

WIDE = 116
"""Columns from which on things stand side by side: the panel beside a terminal of 80 columns."""


class Page(Screen[T]):
    """Carries the class ``-wide`` or ``-narrow``.

    Textual's own breakpoints come after the first layout and miss a resize behind another screen.
    """

    def on_mount(self) -> None:
        self._fit()

    def on_resize(self) -> None:
        self._fit()

    def on_screen_resume(self) -> None:
        self._fit()

    def _fit(self) -> None:
        wide = self.app.size.width >= WIDE
        self.set_class(wide, "-wide")
        self.set_class(not wide, "-narrow")
