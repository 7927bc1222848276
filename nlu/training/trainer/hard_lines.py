"""The lines of the corpus that are seen more often, as `trainer hard` writes them: one a line, in JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Iterable

from .corpus import Line
from .errors import TrainingError


def key(line: Line) -> list[str | None]:
    """What tells a line from all others, wherever it stands."""
    return [line.language, line.command, line.text]


def read(path: Path, lines: Iterable[Line]) -> frozenset[Line]:
    """The lines that a file of `trainer hard` names; those that the corpus no longer has are left out."""
    try:
        named = {tuple(json.loads(text)) for text in path.read_text(encoding="utf-8").splitlines()}
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path}: {error}; write it with `trainer hard`") from error
    return frozenset(line for line in lines if tuple(key(line)) in named)
