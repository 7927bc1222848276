"""Clips to learn from: the phrase, what resembles it, and everything else, as a microphone would hear them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

import numpy as np
import soxr

from .. import recordings, voices
from ..cabin import Noises, road
from ..recordings import RATE_HZ
from .kept import SPEEDS, Kept, trimmed
from .room import reverberated

RATIOS_DB = (None, 20.0, 15.0, 10.0, 7.0, 5.0, 3.0, 0.0)
LOUDEST, QUIETEST = 0.8, 0.03
"""Peaks, of full scale."""
LONGEST = 3 * RATE_HZ
"""More of a sentence teaches nothing new."""
AUDIBLE = 300


@dataclass(frozen=True)
class Clip:
    """Sound as the head hears it: from a little before somebody speaks."""

    samples: np.ndarray
    """16 bit, 16 kHz."""
    phrase_ends: int | None
    """The sample at which the wake phrase is over; `None` where it is not said."""


class Studio:
    """Turns dry speech into clips."""

    def __init__(self, noises: Noises, rng: np.random.Generator) -> None:
        self._noises = noises
        self._rng = rng

    def clip(self, speech: np.ndarray, before: np.ndarray | None, after: np.ndarray | None, wake: bool) -> Clip:
        """`speech` with silence or other speech around it, in a room, in noise, at some level."""
        rng = self._rng
        factor = rng.uniform(0.88, 1.14)
        speech = _bent(speech, factor)
        lead = np.zeros(round(rng.uniform(0.1, 0.6) * RATE_HZ), "<i2")
        if before is not None:
            gap = np.zeros(round(rng.uniform(0.02, 0.4) * RATE_HZ), "<i2")
            lead = np.concatenate([lead, _bent(before, factor)[-2 * RATE_HZ :], gap])
        gap = np.zeros(round(rng.uniform(0.0, 0.25) * RATE_HZ), "<i2")
        rest = gap if after is None else np.concatenate([gap, _bent(after, factor)[: RATE_HZ // 2]])
        tail = np.zeros(max(0, round(0.6 * RATE_HZ) - len(rest)), "<i2")
        ends = len(lead) + len(speech)
        sound = np.concatenate([lead, speech, rest, tail])
        if rng.random() < 0.6:
            sound = reverberated(sound, rng)
        ratio = RATIOS_DB[rng.integers(len(RATIOS_DB))]
        sound = self._noises.mixed(sound, ratio, rng)
        return Clip(self._levelled(sound), ends if wake else None)

    def noise(self) -> Clip:
        """Three seconds in which nobody speaks."""
        return Clip(self._levelled(road(3 * RATE_HZ, self._rng)), None)

    def _levelled(self, sound: np.ndarray) -> np.ndarray:
        peak = np.exp(self._rng.uniform(np.log(QUIETEST), np.log(LOUDEST)))
        return np.round(sound * (peak * 32767 / max(np.abs(sound.astype(float)).max(), 1e-9))).astype("<i2")


def _bent(speech: np.ndarray, factor: float) -> np.ndarray:
    """Spoken by somebody larger or smaller: pitch and pace together."""
    return soxr.resample(speech, RATE_HZ, RATE_HZ * factor, quality="MQ") if factor != 1.0 else speech


@dataclass(frozen=True)
class Amounts:
    """How many different recordings there are of each kind, and in how many surroundings the phrase is heard."""

    phrase: int
    resembling: int
    other: int
    surroundings: int = 8
    recorded: int = 700
    noise: int = 40
    natural: float = 0.75
    """Share of the natural voices, which take a hundred times as long to synthesise, among those of the phrase."""
    natural_other: float = 0.45
    """The same among other speech."""

    @classmethod
    def of(cls, recordings: int) -> Amounts:
        """So many of the phrase, and as many of the rest as go with them."""
        return cls(recordings, resembling=recordings * 4 // 3, other=recordings * 4 // 3)


REQUESTS = 24
"""Different requests that are said behind or before the phrase."""


def of_phrase(
    phrase: str, language: str, others: list[str], speaker: Kept, studio: Studio, amounts: Amounts, rng: random.Random
) -> Iterator[Clip]:
    """The phrase in many mouths, alone, before a request, and behind other speech."""
    for _ in range(amounts.phrase):
        speech = speaker.speak(phrase, language, voices.any_voice(language, amounts.natural, rng), rng.uniform(*SPEEDS))
        place = rng.randrange(REQUESTS)
        request = speaker.speak(others[place], language, voices.mechanical(language, random.Random(place)), 1.0)
        for _ in range(amounts.surroundings):
            before = request if rng.random() < 0.3 else None
            after = request if rng.random() < 0.6 else None
            yield studio.clip(speech, before, after, wake=True)


def of_other_speech(
    texts: list[str], language: str, count: int, natural: float, speaker: Kept, studio: Studio, rng: random.Random
) -> Iterator[Clip]:
    """Sentences without the phrase; `natural` is the share of natural voices."""
    for number in range(count):
        voice = voices.any_voice(language, natural, rng)
        speech = speaker.speak(texts[number % len(texts)], language, voice, rng.uniform(*SPEEDS))
        yield studio.clip(speech[:LONGEST], None, None, wake=False)


def of_recordings(folder: Path, count: int, studio: Studio, rng: random.Random) -> Iterator[Clip]:
    """Human speech in a folder of WAV files, 16 kHz."""
    paths = sorted(folder.rglob("*.wav"))
    rng.shuffle(paths)
    for path in paths[:count]:
        speech = recordings.read(path)
        if len(speech) > RATE_HZ // 4 and np.abs(speech).max() > AUDIBLE:
            yield studio.clip(trimmed(speech)[:LONGEST], None, None, wake=False)
