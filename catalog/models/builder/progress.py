"""Progress on a terminal as one moving bar; elsewhere as plain lines."""

from __future__ import annotations

import sys
import time
from typing import TextIO

_WIDTH = 30
_REDRAW_SECONDS = 0.1


class Progress:
    """Says what the builder is doing. Safe to use when output goes to a file or a pipe."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._is_terminal = self._stream.isatty()
        self._drawn_at = 0.0
        self._bar_on_screen = False

    def line(self, text: str) -> None:
        """One finished statement on a line of its own."""
        self._clear_bar()
        print(text, file=self._stream, flush=True)

    def bar(self, label: str, done: int, total: int) -> None:
        """Moves the bar; does nothing where there is no terminal."""
        now = time.monotonic()
        if not self._is_terminal or total <= 0 or now - self._drawn_at < _REDRAW_SECONDS:
            return
        self._drawn_at = now
        self._bar_on_screen = True
        share = min(done / total, 1.0)
        filled = "#" * round(share * _WIDTH)
        self._stream.write(f"\r\033[K{label} [{filled:<{_WIDTH}}] {megabytes(done)} of {megabytes(total)}")
        self._stream.flush()

    def _clear_bar(self) -> None:
        if self._bar_on_screen:
            self._stream.write("\r\033[K")
            self._bar_on_screen = False


def megabytes(size: int) -> str:
    """A size for people: `66.3 MB`."""
    return f"{size / 1e6:.1f} MB"
