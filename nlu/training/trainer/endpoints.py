"""Where the daemon would begin and end utterances, of which it is known when they were spoken."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from typing import Iterator

import numpy as np

from .catalog import Catalog
from .corpus import Corpus
from .hearing import reports
from .recordings import RATE_HZ

AROUND_S = 2.0
"""Of noise alone; the longest wait for an end is 1.2 s."""
AUDIBLE = 0.02
"""Of the loudest sample: what is softer at the ends of a synthetic sentence is no speech."""


@dataclass(frozen=True)
class Recording:
    text: str
    language: str
    ratio_db: float | None
    begin_ms: float
    end_ms: float


@dataclass(frozen=True)
class Found:
    """What became of a recording."""

    begun: bool
    """Its first sound is in an utterance."""
    cut: bool
    """An utterance ended while there was more to come."""
    waited_ms: float | None
    """From its last sound to the end of the last utterance; None where nobody was heard."""


def measure(arguments: argparse.Namespace, catalog: Catalog, corpus: Corpus) -> None:
    """Prints a table; with --out also writes every recording with what was found."""
    found: dict[tuple[str, float | None], list[Found]] = {}
    recordings = _recordings(arguments, catalog, corpus)
    written = []
    for recording, report in reports(recordings, arguments.program, arguments.commands, options=("--live",)):
        one = judged(recording, report["utterances"])
        found.setdefault((recording.language, recording.ratio_db), []).append(one)
        written.append(json.dumps(vars(recording) | vars(one) | {"utterances": report["utterances"]}, ensure_ascii=False))
    if arguments.out is not None:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text("".join(f"{line}\n" for line in written), encoding="utf-8")
    print(_table(found))


def judged(recording: Recording, utterances: list[dict]) -> Found:
    # Noise may be taken for an utterance before anybody speaks.
    of_speech = [utterance for utterance in utterances if utterance["last_voice_ms"] > recording.begin_ms]
    if not of_speech:
        return Found(begun=False, cut=False, waited_ms=None)
    return Found(
        begun=of_speech[0]["from_ms"] <= recording.begin_ms,
        cut=any(utterance["complete_ms"] < recording.end_ms for utterance in of_speech),
        waited_ms=of_speech[-1]["complete_ms"] - recording.end_ms,
    )


def _recordings(arguments: argparse.Namespace, catalog: Catalog, corpus: Corpus) -> Iterator[tuple[Recording, np.ndarray]]:
    from .spoken_sets import spoken  # the voices have packages of their own

    span_ms = (0.0, 0.0)
    for said, samples in spoken(arguments, catalog, corpus, arguments.languages, AROUND_S):
        if said.ratio_db is None:  # the first of its sentence
            level = np.abs(samples.astype(np.int32))
            audible = np.flatnonzero(level > AUDIBLE * level.max())
            span_ms = (1e3 * float(audible[0]) / RATE_HZ, 1e3 * float(audible[-1]) / RATE_HZ)
        yield Recording(said.sample.text, said.sample.language, said.ratio_db, *span_ms), samples


def _table(found: dict[tuple[str, float | None], list[Found]]) -> str:
    lines = [f"{'':12}{'sentences':>10}{'first sound kept':>18}{'cut off':>9}{'end found after, ms: p50':>26}{'p95':>7}"]
    for (language, ratio), of in found.items():
        waits = [one.waited_ms for one in of if one.waited_ms is not None]
        times = np.quantile(waits, (0.5, 0.95)) if waits else (np.nan, np.nan)
        name = f"{language} {'clean' if ratio is None else f'{ratio:g} dB'}"
        kept, cut = sum(one.begun for one in of), sum(one.cut for one in of)
        lines.append(f"{name:12}{len(of):10}{kept:18}{cut:9}{times[0]:26.0f}{times[1]:7.0f}")
    return "\n".join(lines)
