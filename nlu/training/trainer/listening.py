"""`trainer hear`: sentences for training are spoken, heard, and written down where they were misheard."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Iterator

import numpy as np

from . import misheard, voices
from .cabin import Noises
from .catalog import Catalog
from .corpus import Corpus, name_held_out
from .dealing import Dealer
from .hearing import hear as hear_recordings
from .likeness import sounds_of, words
from .samples import Sample, Sampler
from .speaking import Voices
from .values import Lexicons

RATIOS_DB = (None, 15.0, 10.0, 5.0)
"""Speech over noise; None is a silent cabin."""
HEARD_EACH = 2
"""At how many of these ratios each sentence is heard."""
NATURAL = {"en": 0.92, "zh": 1.0}
"""Share of the voices that sound like a person."""
SPEEDS = {"en": (0.9, 1.15), "zh": (0.85, 1.05)}

_HEADING = {
    "en": "# What the recogniser made of sentences for training, by `trainer hear`; not written by hand.\n",
    "zh": "# 识别器听到的训练句子，由 `trainer hear` 生成，不是手写的。\n",
}


def hear(arguments: argparse.Namespace, catalog: Catalog, corpus: Corpus) -> None:
    """Adds to `heard.<language>.txt`; every line is flushed, so that a run can be ended at any time."""
    lexicons = Lexicons(arguments.corpus / "lexicons", name_held_out)
    sampler = Sampler(catalog, corpus, [], lexicons, "train", {})
    held_out = _held_out(corpus)
    speaker = Voices()
    for language in arguments.languages:
        path = arguments.corpus / f"heard.{language}.txt"
        known = {words(sentence.text) for sentence in corpus.heard if sentence.language == language}
        sounds = sounds_of(language, speaker.english_sounds)
        recordings = _recordings(arguments, sampler, speaker, language)
        written = spoken = 0
        with _opened(path, language) as out:
            for sample, heard in hear_recordings(recordings, arguments.program, arguments.commands):
                spoken += 1
                line = misheard.line(sample, heard, catalog, sounds, held_out)
                if line is None or words(heard.text) in known:
                    continue
                known.add(words(heard.text))
                out.write(line + "\n")
                out.flush()
                written += 1
                if written % 50 == 0:
                    print(f"{language}: {written} lines of {spoken} sentences", file=sys.stderr, flush=True)
        print(f"{language}: {written} lines of {spoken} sentences in {path}")


def _recordings(
    arguments: argparse.Namespace, sampler: Sampler, speaker: Voices, language: str
) -> Iterator[tuple[Sample, np.ndarray]]:
    rng = Dealer(f"{arguments.seed} {language}")
    noise_rng = np.random.default_rng(arguments.seed)
    noises = Noises(arguments.noise)
    for _ in range(arguments.sentences):
        sample = sampler.to_speak(language, rng)
        voice = voices.any_voice(language, NATURAL[language], rng)
        speech = speaker.speak(sample.text, language, voice, rng.uniform(*SPEEDS[language]))
        for ratio in rng.sample(RATIOS_DB, HEARD_EACH):  # to hear costs less than to speak
            yield sample, noises.mixed(speech, ratio, noise_rng)


def _held_out(corpus: Corpus) -> set[str]:
    """Sentences kept for testing, which nothing misheard may give away."""
    kept = [line.text for line in corpus.lines if line.split != "train" and "{" not in line.text]
    kept += [sentence.text for sentence in corpus.several if sentence.split != "train"]
    return {words(text) for text in kept}


def _opened(path: Path, language: str):
    new = not path.exists()
    out = open(path, "a", encoding="utf-8")
    if new:
        out.write(_HEADING[language])
    return out
