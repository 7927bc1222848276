"""What heads learn from: windows of the backbone's vectors, each with whether it is the phrase.

All are kept: what is not the phrase teaches every head of a seed the same.
"""

from __future__ import annotations

import argparse
import random
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import voices
from ..cabin import Noises
from ..corpus import Corpus
from ..recordings import RATE_HZ
from . import clips
from .clips import Amounts, Clip, Studio
from .embedding import HOP, Embedding
from .head import STEPS
from .kept import Kept
from .near_misses import near_misses

FIRST_S, LAST_S = 0.0, 0.4
"""From when to when after the phrase is over the head is to know it."""
UNSAID_S = 0.35
"""So long before its end nobody can know it."""


@dataclass(frozen=True)
class Lesson:
    """One clip."""

    windows: np.ndarray
    """[count, STEPS * WIDTH]"""
    wake: np.ndarray
    """Whether each is the phrase."""


class Lessons:
    """Makes clips and has the backbone hear them."""

    def __init__(self, arguments: argparse.Namespace, corpus: Corpus) -> None:
        self._corpus = corpus
        self._seed = arguments.seed
        self._near_misses = arguments.near_misses
        self._human = arguments.speech
        self._kept = arguments.sounds
        self._embedding = Embedding(arguments.embedding)
        self._speaker = Kept(arguments.sounds)
        self._noises = Noises(arguments.noise)
        self._amounts = Amounts.of(arguments.recordings)

    def of_phrase(self, phrase: str) -> list[Lesson]:
        """The phrase as voices read it, and its own parts, which are not the phrase."""
        language, amounts = language_of(phrase), self._amounts
        others = self._sentences(language)

        def said(studio: Studio, rng: random.Random) -> Iterator[Clip]:
            yield from clips.of_phrase(phrase, language, others, self._speaker, studio, amounts, rng)
            count, natural = amounts.resembling // 4, amounts.natural_other
            yield from clips.of_other_speech(parts(phrase), language, count, natural, self._speaker, studio, rng)

        return self._remembered(f"phrase {phrase}", said)

    def of_everything_else(self) -> list[Lesson]:
        """What resembles a phrase, other requests and talk in both languages, human speech, noise."""
        amounts, speaker = self._amounts, self._speaker
        kinds: dict[str, Callable[[Studio, random.Random], Iterator[Clip]]] = {
            "noise": lambda studio, _: (studio.noise() for _ in range(amounts.noise))
        }
        for language in ("en", "zh"):
            near, far = near_misses(self._near_misses, language), self._sentences(language)
            kinds[f"near misses {language}"] = lambda studio, rng, near=near, language=language: (
                clips.of_other_speech(near, language, amounts.resembling, amounts.natural_other, speaker, studio, rng)
            )
            kinds[f"other speech {language}"] = lambda studio, rng, far=far, language=language: (
                clips.of_other_speech(far, language, amounts.other, amounts.natural_other, speaker, studio, rng)
            )
        if self._human:
            kinds["human speech"] = lambda studio, rng: clips.of_recordings(self._human, amounts.recorded, studio, rng)
        return [lesson for kind, made in kinds.items() for lesson in self._remembered(kind, made)]

    def _sentences(self, language: str) -> list[str]:
        """Requests and talk of the corpus, mixed but in the same order every time."""
        texts = {
            line.text
            for line in self._corpus.lines
            if line.language == language and line.split == "train" and not line.slots and len(line.text) <= 60
        }
        return sorted(texts, key=lambda text: zlib.crc32(text.encode()))

    def _remembered(self, kind: str, made: Callable[[Studio, random.Random], Iterator[Clip]]) -> list[Lesson]:
        made_of = zlib.crc32(f"{self._seed} {self._amounts} {voices.TRAINING} {voices.ACCENTED}".encode())
        path = self._kept / f"lessons {made_of:08x} {kind}.npz"
        if path.exists():
            with np.load(path) as kept:
                ends = np.cumsum(kept["counts"])[:-1]
                parted = zip(np.split(kept["windows"], ends), np.split(kept["wake"], ends), strict=True)
                return [Lesson(*of_clip) for of_clip in parted]
        lessons = self._heard(kind, made)
        unfinished = path.with_suffix(".part.npz")
        np.savez(
            unfinished,
            windows=np.concatenate([lesson.windows for lesson in lessons]),
            wake=np.concatenate([lesson.wake for lesson in lessons]),
            counts=[len(lesson.wake) for lesson in lessons],
        )
        unfinished.rename(path)
        return lessons

    def _heard(self, kind: str, made: Callable[[Studio, random.Random], Iterator[Clip]]) -> list[Lesson]:
        seed = f"{self._seed} {kind}"
        studio = Studio(self._noises, np.random.default_rng(zlib.crc32(seed.encode())))
        lessons = [self._lesson(clip) for clip in made(studio, random.Random(seed))]
        print(f"{kind}: {len(lessons)} clips", file=sys.stderr, flush=True)
        return lessons

    def _lesson(self, clip: Clip) -> Lesson:
        vectors = self._embedding.of(clip.samples)
        before = np.repeat(self._embedding.of_silence()[None], STEPS - 1, axis=0)
        vectors = np.concatenate([before, vectors])
        hops = len(vectors) - STEPS + 1
        windows = np.stack([vectors[hop : hop + STEPS].ravel() for hop in range(hops)])
        # Every other window of what is not the phrase: neighbours teach the same.
        alternate = np.arange(hops) % 2 == 0
        if clip.phrase_ends is None:
            return Lesson(windows[alternate], np.zeros(alternate.sum(), bool))
        after = (HOP * np.arange(1, hops + 1) - clip.phrase_ends) / RATE_HZ
        said = (after >= FIRST_S) & (after <= LAST_S)
        chosen = said | ((after < -UNSAID_S) & alternate)
        return Lesson(windows[chosen], said[chosen])


def language_of(phrase: str) -> str:
    """"zh" for a phrase with Chinese characters, else "en"."""
    return "zh" if any("\u4e00" <= character <= "\u9fff" for character in phrase) else "en"


def parts(phrase: str) -> list[str]:
    """Its beginnings and ends: none of them is the phrase."""
    chinese = language_of(phrase) == "zh"
    units = list(phrase) if chinese else phrase.split()
    joint = "" if chinese else " "
    places = range(1, len(units))
    return [joint.join(units[:place]) for place in places] + [joint.join(units[place:]) for place in places]
