"""Turns the evaluator's answers into the figures that count."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median

from .catalog import Catalog

TIERS = ("patterns", "model", "both")
WITH_COMMANDS = ("single", "indirect", "need", "several", "follow-up")
"""`indirect` needs are the corpus's held-out ones, with one answer each; `need` is the list, with every fair answer."""
WITHOUT = ("nothing", "unrelated")
OPPOSITES = (
    ("_on", "_off"), ("open", "close"), ("lock", "unlock"), ("warmer", "cooler"), ("more_", "less_"), ("_up", "_down"),
    ("brighter", "dimmer"), ("fold", "unfold"), ("next", "previous"), ("play", "pause"), ("answer", "hang_up"),
    ("open_more", "close_more"), ("confirm", "deny"),
)  # fmt: skip
BINS = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0001)


def tables(path: Path, catalog: Catalog) -> str:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return "\n".join([*_exact(rows), "", *_false(rows, catalog), "", *_polarity(rows), "", *_reliability(rows),
                      "", *_thresholds(rows, catalog), "", *_times(rows), "", *_worst(rows)])  # fmt: skip


def _share(hits: int, of: int) -> str:
    return f"{hits}/{of} {hits / of:6.1%}" if of else "-"


def _acted(answer: dict) -> list[str]:
    return answer["calls"]


def meant(answer: dict) -> list[str]:
    """What a tier had in mind, acted on or not."""
    return answer["calls"] or answer["meant"] or []


def right(calls: list[str], row: dict) -> bool:
    """Whether calls are what was expected of the row, or another answer that it accepts."""
    return calls == row["expected"] or calls in row.get("accepted", ())


def _exact(rows: list[dict]) -> list[str]:
    lines = ["whole interpretation exact and acted on (or its confirmation asked); `meant`: right, acted on or not",
             f"{'':20}{'patterns':>18}{'model':>18}{'model meant':>18}{'both':>18}{'both acted wrongly':>20}"]  # fmt: skip
    for language in ("en", "zh"):
        for kind in WITH_COMMANDS:
            of = [r for r in rows if r["language"] == language and r["kind"] == kind]
            acted = [sum(right(_acted(r[tier]), r) for r in of) for tier in TIERS]
            intended = sum(right(meant(r["model"]), r) for r in of)
            wrong = sum(bool(_acted(r["both"])) and not right(_acted(r["both"]), r) for r in of)
            cells = [acted[0], acted[1], intended, acted[2]]
            lines.append(f"{language} {kind:17}" + "".join(f"{_share(c, len(of)):>18}" for c in cells)
                         + f"{_share(wrong, len(of)):>20}")  # fmt: skip
    return lines


def _moves(call: str, catalog: Catalog) -> bool:
    return catalog.commands[call.split("(")[0]].moves


def _false(rows: list[dict], catalog: Catalog) -> list[str]:
    lines = ["where nothing may be done: acted at all, and moved the car or placed a call"]
    for language in ("en", "zh"):
        for kind in WITHOUT:
            of = [r for r in rows if r["language"] == language and r["kind"] == kind]
            for tier in TIERS:
                acted = [r for r in of if _acted(r[tier])]
                moved = sum(any(_moves(c, catalog) for c in _acted(r[tier])) for r in acted)
                if of:
                    lines.append(f"{language} {kind:10} {tier:9} acted {_share(len(acted), len(of)):>16}"
                                 f"   moved {_share(moved, len(of)):>16}")  # fmt: skip
    return lines


def opposite(one: str, other: str) -> bool:
    """Whether two command names are each other's opposite."""
    return any(
        (a in one and one.replace(a, b) == other) or (b in one and one.replace(b, a) == other) for a, b in OPPOSITES
    )


def _polarity(rows: list[dict]) -> list[str]:
    lines = ["acted on the opposite of what was asked"]
    for language in ("en", "zh"):
        of = [r for r in rows if r["language"] == language and r["kind"] in WITH_COMMANDS]
        for tier in TIERS:
            wrong = 0
            for row in of:
                pairs = zip(row["expected"], _acted(row[tier]))
                wrong += not right(_acted(row[tier]), row) and any(opposite(a.split("(")[0], b.split("(")[0]) for a, b in pairs)
            lines.append(f"{language} {tier:9} {_share(wrong, len(of)):>16}")
    return lines


def _reliability(rows: list[dict]) -> list[str]:
    """Of answers of such a confidence, how many are right?"""
    lines = ["the model's confidence where it means a command: answers, and how many of them are right"]
    error, total = 0.0, 0
    for low, high in zip(BINS, BINS[1:]):
        of = [r for r in rows if meant(r["model"]) and low <= r["model"]["confidence"] < high]
        hits = sum(right(meant(r["model"]), r) for r in of)
        if of:
            mean = sum(r["model"]["confidence"] for r in of) / len(of)
            error += abs(hits - mean * len(of))
            total += len(of)
        lines.append(f"{low:.2f} to {min(high, 1.0):.2f}  {_share(hits, len(of)):>18}")
    lines.append(f"expected calibration error {error / max(total, 1):.3f}")
    return lines


def _thresholds(rows: list[dict], catalog: Catalog) -> list[str]:
    """What the model alone would do at other thresholds, in plain sentences and in guarded ones."""
    lines = ["the model alone at a threshold: commands exact, false actuations where nothing may be done"]
    for guarded in (False, True):
        lines.append("in sentences with a negation or question word" if guarded else "in plain sentences")
        asked = [r for r in rows if r["guarded"] == guarded and r["kind"] in WITH_COMMANDS]
        idle = [r for r in rows if r["guarded"] == guarded and r["kind"] in WITHOUT]
        for threshold in (0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99):
            sure = lambda r: r["model"]["confidence"] >= threshold  # noqa: E731
            exact = sum(sure(r) and right(meant(r["model"]), r) for r in asked)
            wrong = sum(sure(r) and bool(meant(r["model"])) and not right(meant(r["model"]), r) for r in asked)
            moved = sum(sure(r) and any(_moves(c, catalog) for c in meant(r["model"])) for r in idle)
            lines.append(f"{threshold:.2f}  exact {_share(exact, len(asked)):>18}  wrong {_share(wrong, len(asked)):>16}"
                         f"  false {_share(moved, len(idle)):>16}")  # fmt: skip
    return lines


def _times(rows: list[dict]) -> list[str]:
    lines = ["milliseconds a sentence, median, 95th and 99th percentile"]
    for tier in ("patterns", "model"):  # both tiers together take the time of the two, or of the first
        for kind in ("single", "several", "nothing"):
            times = sorted(r[tier]["ms"] for r in rows if r["kind"] == kind)
            if times:
                late = (times[int(len(times) * share)] for share in (0.95, 0.99))
                lines.append(f"{tier:9} {kind:8} {median(times):7.2f}" + "".join(f" {ms:7.2f}" for ms in late))
    return lines


def _worst(rows: list[dict]) -> list[str]:
    """Commands that the model gets wrong most, for the next corpus."""
    by_command: dict[str, list[bool]] = {}
    for row in rows:
        if row["kind"] in ("single", "indirect"):
            by_command.setdefault(row["expected"][0].split("(")[0], []).append(right(meant(row["model"]), row))
    order = sorted(by_command.items(), key=lambda item: sum(item[1]) / len(item[1]))
    return ["the model, by command"] + [f"{name:34} {_share(sum(hits), len(hits)):>16}" for name, hits in order]
