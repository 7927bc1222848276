"""The one exception that ends a builder run with a sentence for a person."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator


class BuildError(Exception):
    """What went wrong, where, and what to do: one sentence or two, no traceback."""


@contextmanager
def file_errors_as_sentences(path: Path) -> Iterator[None]:
    """Turns the operating system's refusals about `path` into a `BuildError`."""
    try:
        yield
    except OSError as error:
        place = error.filename or path
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise BuildError(
                f"the disk is full while writing {place}; free some space and run this again, "
                "finished downloads are kept"
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise BuildError(
                f"no permission to write {place}; run as a user who may, or choose another "
                "directory with --store and --downloads"
            ) from error
        raise BuildError(f"{place}: {error.strerror or error}") from error
