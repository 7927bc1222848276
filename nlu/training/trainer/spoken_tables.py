"""Turns the evaluator's answers about spoken sentences into figures."""

from __future__ import annotations

import json
from pathlib import Path

from .catalog import Catalog
from .corpus import LANGUAGES
from .spoken_words import wrong_words
from .tables import meant


def tables(path: Path, catalog: Catalog) -> str:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    lines = [
        "through speech: what was heard, and whole interpretations exact and acted on (or their confirmation asked); "
        "`meant`: right, acted on or not",
        f"{'':26}{'words wrong':>12}{'nothing':>9}"
        + "".join(f"{column:>18}" for column in ("patterns", "model", "model meant", "both"))
        + f"{'both acted wrongly':>20}{'and moved':>16}",
    ]
    for language in LANGUAGES:
        of_language = [row for row in rows if row["spoken_language"] == language]
        for ratio in sorted({row["ratio_db"] for row in of_language}, key=lambda r: -(r or 99)):
            of = [row for row in of_language if row["ratio_db"] == ratio]
            name = f"{language} {'clean' if ratio is None else f'{ratio:g} dB'}"
            lines.append(_row(name, of, catalog))
            for field in ("kind", "voice"):
                for value in sorted({row[field] for row in of}):
                    lines.append(_row(f"  {value}", [row for row in of if row[field] == value], catalog))
    lines.append("words wrong: English words or Mandarin characters to change, over those that were said;")
    lines.append("nothing: sentences of which nothing was heard that could be trusted")
    return "\n".join(lines)


def _row(name: str, rows: list[dict], catalog: Catalog) -> str:
    errors, said = wrong_words(rows)
    silent = sum(not row["text"] for row in rows)
    answers = [[row["patterns"]["calls"], row["model"]["calls"], meant(row["model"]), row["both"]["calls"]] for row in rows]
    right = [[_calls(calls) == _calls(row["expected"]) for calls in answer] for answer, row in zip(answers, rows)]
    wrong = [row for row in rows if row["both"]["calls"] and _calls(row["both"]["calls"]) != _calls(row["expected"])]
    moved = sum(_moved(row, catalog) for row in wrong)
    cells = [f"{_share(sum(hits), len(rows)):>18}" for hits in zip(*right)]
    return (
        f"{name:26}{errors / max(1, said):>12.1%}{silent:>9}"
        + "".join(cells)
        + f"{_share(len(wrong), len(rows)):>20}{_share(moved, len(rows)):>16}"
    )


def _share(hits: int, of: int) -> str:
    return f"{hits}/{of} {hits / max(1, of):6.1%}"


def _calls(calls: list[str]) -> list[str]:
    """Free text in another case is the same."""
    return [call.lower() for call in calls]


def _moved(row: dict, catalog: Catalog) -> bool:
    """Whether something that nobody asked for moves the car or places a call."""
    unasked = set(_calls(row["both"]["calls"])) - set(_calls(row["expected"]))
    return any(catalog.commands[call.split("(")[0]].moves for call in unasked)
