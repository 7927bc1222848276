"""Keeps two builder runs from writing to the same directory at once."""

from __future__ import annotations

import fcntl
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from .errors import BuildError, file_errors_as_sentences
from .progress import Progress

_POLL_SECONDS = 0.2


@contextmanager
def exclusive(directory: Path, progress: Progress, wait_seconds: float = 900.0) -> Iterator[None]:
    """Holds `directory` for this run; waits for another run, at most `wait_seconds`.

    The kernel drops the lock when its holder dies, so it can never be stale.
    """
    with file_errors_as_sentences(directory):
        directory.mkdir(parents=True, exist_ok=True)
        handle = open(directory / ".lock", "a")
    deadline = time.monotonic() + wait_seconds
    told = False
    with handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not told:
                    progress.line(f"another install works in {directory}; waiting for it to end")
                    told = True
                if time.monotonic() >= deadline:
                    raise BuildError(
                        f"another install has held {directory} for {wait_seconds:.0f} s; "
                        "wait for it to end or stop it, then run this again"
                    ) from None
                time.sleep(_POLL_SECONDS)
        yield
