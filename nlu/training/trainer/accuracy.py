"""Compares what a model understands on an accelerator with what it understands on the CPU, sentence by sentence.

    python -m trainer accuracy CPU_ANSWERS OTHER_ANSWERS [--within 1.0] [--at-least 200]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import median

from .corpus import LANGUAGES
from .errors import TrainingError
from .tables import meant, right


def accuracy(arguments: argparse.Namespace) -> str:
    """A line a language.

    Raises `TrainingError` where the other side is further below the CPU than `within` percentage points, or
    there are fewer than `at_least` sentences.
    """
    pairs = _pairs(arguments.cpu, arguments.other)
    lines = [f"{'':4}{'sentences':>10}{'right, CPU':>12}{'right, other':>14}{'difference':>12}{'same answer':>13}"
             f"{'ms, CPU':>10}{'ms, other':>11}"]  # fmt: skip
    problems = []
    for language in LANGUAGES:
        of = [pair for pair in pairs if pair[0]["language"] == language]
        if len(of) < max(arguments.at_least, 1):
            problems.append(f"{language}: {len(of)} sentences are fewer than {max(arguments.at_least, 1)}")
        if not of:
            continue
        cpu, other = (100 * sum(_right(pair[side]) for pair in of) / len(of) for side in (0, 1))
        same = 100 * sum(meant(a["model"]) == meant(b["model"]) for a, b in of) / len(of)
        ms = [median(pair[side]["model"]["ms"] for pair in of) for side in (0, 1)]
        lines.append(f"{language:4}{len(of):10}{cpu:10.1f} %{other:12.1f} %{other - cpu:+9.1f} pp{same:11.1f} %"
                     f"{ms[0]:10.0f}{ms[1]:11.0f}")  # fmt: skip
        if cpu - other > arguments.within:
            problems.append(f"{language}: {cpu - other:.1f} percentage points below the CPU, {arguments.within} are allowed")
    text = "\n".join(lines)
    if problems:
        raise TrainingError("\n".join([*problems, text]))
    return text


def _pairs(cpu: Path, other: Path) -> list[tuple[dict, dict]]:
    """Both answers to each sentence that both were asked, in order; the other may have been asked fewer."""
    rows = [[json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] for path in (cpu, other)]
    pairs = list(zip(*rows))
    for number, (a, b) in enumerate(pairs, start=1):
        if (a["text"], a["before"]) != (b["text"], b["before"]):
            raise TrainingError(f"{other}:{number}: answers another sentence than {cpu}; ask both the same")
    return pairs


def _right(row: dict) -> bool:
    return right(meant(row["model"]), row)
