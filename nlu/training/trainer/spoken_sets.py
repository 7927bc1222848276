"""Speaks held-out sentences, hears them in noise, and writes what was heard for the evaluator."""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, Sequence

import numpy as np

from . import recordings, speaking
from .cabin import Noises
from .catalog import Catalog
from .corpus import Corpus, name_held_out
from .hearing import hear
from .samples import Sample, Sampler
from .values import Lexicons
from .voices import HELD_OUT

SHARES = {"single": 0.70, "several": 0.15, "indirect": 0.15}
RATIOS_DB = (None, 10.0, 5.0)
SPEED = {"en": 1.0, "zh": 0.92}
JOINED_SENTENCES = 150
SEED = 20261124


@dataclass(frozen=True)
class Spoken:
    sample: Sample
    kind: str
    voice: str
    ratio_db: float | None


def write(arguments: argparse.Namespace, catalog: Catalog, corpus: Corpus) -> None:
    """One row a sentence and ratio; `text` is what was heard, `said` what was said."""
    sounds = spoken(arguments, catalog, corpus, arguments.languages)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    with open(arguments.out, "w", encoding="utf-8") as out:
        for said, heard in hear(sounds, arguments.program, arguments.commands):
            row = {
                "text": heard.text,
                "language": heard.language or said.sample.language,
                "kind": said.kind,
                "before": "",
                "expected": said.sample.answer.strip(),
                "said": said.sample.text,
                "spoken_language": said.sample.language,
                "voice": said.voice,
                "ratio_db": said.ratio_db,
            }
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
            out.flush()
    print(f"wrote {arguments.out}")


def spoken(
    arguments: argparse.Namespace, catalog: Catalog, corpus: Corpus, languages: Sequence[str], around_s: float = 0.0
) -> Iterator[tuple[Spoken, np.ndarray]]:
    """The sentences of a split as voices say them that are never trained with, each at all ratios, the cleanest first.

    There is `around_s` of noise alone before and behind them.
    """
    lexicons = Lexicons(arguments.corpus / "lexicons", name_held_out)
    sampler = Sampler(catalog, corpus, [], lexicons, arguments.split, {})
    chosen = [one for language in languages for one in _chosen(sampler, language, arguments.sentences)]
    return _sounds(chosen, arguments.sounds, Noises(arguments.noise), around_s)


def _chosen(sampler: Sampler, language: str, count: int) -> list[Spoken]:
    """The same sentences every time, as many of a kind as its share says, the voices in turn."""
    rng = random.Random(f"{SEED} {language}")
    kinds: dict[str, list[Sample]] = {kind: [] for kind in SHARES}
    for sample in sampler.evaluation(SEED, JOINED_SENTENCES):
        kind = "indirect" if sample.indirect else sample.kind
        if sample.language == language and kind in kinds:
            kinds[kind].append(sample)
    chosen = []
    for kind, share in SHARES.items():
        samples = rng.sample(kinds[kind], min(len(kinds[kind]), round(count * share)))
        voices = HELD_OUT[language]
        chosen += [(sample, kind, voices[place % len(voices)]) for place, sample in enumerate(samples)]
    rng.shuffle(chosen)  # of a run that was ended early, what there is is a fair part
    return [Spoken(*of_sentence, ratio) for of_sentence in chosen for ratio in RATIOS_DB]


def _sounds(chosen: list[Spoken], folder: Path, noises: Noises, around_s: float) -> Iterator[tuple[Spoken, np.ndarray]]:
    folder.mkdir(parents=True, exist_ok=True)
    voices = speaking.Voices()
    for spoken in chosen:
        speech = _speech(spoken.sample.text, spoken.sample.language, spoken.voice, folder, voices)
        speech = np.pad(speech, round(around_s * recordings.RATE_HZ))
        seed = zlib.crc32(f"{spoken.sample.text} {spoken.ratio_db}".encode())
        yield spoken, noises.mixed(speech, spoken.ratio_db, np.random.default_rng(seed))


def _speech(text: str, language: str, voice: str, folder: Path, voices: speaking.Voices) -> np.ndarray:
    """Synthesised once and kept: the same sentence of the same voice is the same sound."""
    key = hashlib.sha256(f"{language} {voice} {SPEED[language]} {text}".encode()).hexdigest()[:24]
    path = folder / f"{key}.wav"
    if not path.exists():
        samples = voices.speak(text, language, voice, SPEED[language], seed=1)
        unfinished = path.with_suffix(".part")
        recordings.write(unfinished, samples)
        unfinished.rename(path)
    return recordings.read(path)
