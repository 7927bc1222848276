"""Lessons of the recogniser: recordings as they sound in a car, and what it should write of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, Sequence

import numpy as np
import soxr
import torch
import torch.nn.functional as F

from .. import recordings
from ..cabin import Noises, road
from ..recordings import RATE_HZ
from ..wake.room import reverberated
from .material import Spoken
from .model import Whisper
from .sound import positions, silence, spectrum
from .writing import LANGUAGES, Tokens, Written

RATIOS_DB = (None, None, 20.0, 15.0, 10.0, 5.0, 0.0)
"""Speech over noise; None is a silent cabin."""
THROAT_SHARE = 0.5
THROATS = (0.88, 1.14)
"""How much faster and higher a voice is made: there are few voices, and no children among them (Ko et al., Audio
augmentation for speech recognition, 2015)."""
ROOM_SHARE = 0.4
LEVELS_DB = (-26.0, 0.0)
"""Microphones differ, and so do people."""
NOISE_ALONE_SHARE = 0.03
SILENCE_BEFORE_S = (0.0, 0.5)
SILENCE_BEHIND_S = (0.02, 0.6)
"""The recogniser looks at a sentence while nobody knows yet whether it is over."""
POOL = 16
"""Batches that are made at once, to put recordings of like length together."""


@dataclass(frozen=True)
class Lesson:
    spoken: Spoken
    seed: int
    """Of what the cabin does to it."""


class Recordings:
    """A model and the recordings it learns from; a seed gives the same ones."""

    def __init__(
        self, model: Whisper, tokens: Tokens, filters: np.ndarray, folder: Path, spoken: Sequence[Spoken],
        noises: Noises, batch: int, seed: int,
    ) -> None:  # fmt: skip
        self.adapters = model.adapters
        self._model, self._tokens, self._filters = model, tokens, filters
        self._folder, self._spoken, self._noises = folder, spoken, noises
        self._batch, self._seed = batch, seed
        self._device = next(iter(model.adapters.values())).device
        self._sizes = {one.sound: (folder / one.sound).stat().st_size for one in spoken}

    def batches(self, seen: int) -> Iterator[list[Lesson]]:
        rng = np.random.default_rng((self._seed, seen))
        stream = self._stream(rng)
        while True:
            pool = [next(stream) for _ in range(self._batch * POOL)]
            pool.sort(key=lambda lesson: self._sizes[lesson.spoken.sound])
            for place in rng.permutation(POOL):
                yield pool[place * self._batch : (place + 1) * self._batch]

    def _stream(self, rng: np.random.Generator) -> Iterator[Lesson]:
        while True:
            for place in rng.permutation(len(self._spoken)):
                yield Lesson(self._spoken[place], int(rng.integers(2**31)))

    def loss(self, batch: list[Lesson]) -> torch.Tensor:
        heard = [self._heard(lesson) for lesson in batch]
        length = max(positions(len(samples)) for samples, _ in heard)
        sound = np.stack([spectrum(samples, self._filters, length) for samples, _ in heard])
        tokens, scored, following = together([written for _, written in heard])
        with torch.autocast(self._device.type, dtype=torch.bfloat16):
            with torch.no_grad():
                hidden = self._model.frozen(torch.from_numpy(sound).to(self._device))
            logits = self._model(hidden, tokens.to(self._device), scored.to(self._device))
        return F.cross_entropy(logits.float(), following.to(self._device))

    def _heard(self, lesson: Lesson) -> tuple[np.ndarray, Written]:
        """What reaches the recogniser, and what it should write."""
        rng, spoken = np.random.default_rng(lesson.seed), lesson.spoken
        if rng.random() < NOISE_ALONE_SHARE:
            noise = road(round(rng.uniform(0.8, 4.0) * RATE_HZ), rng)
            samples = np.round(noise * (32767 / np.abs(noise).max()))
            return _turned_down(samples, rng), self._tokens.written("", rng.choice(list(LANGUAGES)))
        samples = recordings.read(self._folder / spoken.sound)
        if rng.random() < THROAT_SHARE:
            samples = _from_another_throat(samples, rng.uniform(*THROATS))
        before, behind = (silence(rng.uniform(*span)) for span in (SILENCE_BEFORE_S, SILENCE_BEHIND_S))
        samples = np.concatenate([before, samples, behind])
        if rng.random() < ROOM_SHARE:
            samples = reverberated(samples, rng)
        samples = self._noises.mixed(samples, RATIOS_DB[rng.integers(len(RATIOS_DB))], rng)
        return _turned_down(samples, rng), self._tokens.written(spoken.text, spoken.language)


def _from_another_throat(samples: np.ndarray, faster: float) -> np.ndarray:
    sound = soxr.resample(samples.astype(np.float32), RATE_HZ * faster, RATE_HZ)
    return np.clip(np.round(sound), -32768, 32767).astype("<i2")


def _turned_down(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.round(samples * 10 ** (rng.uniform(*LEVELS_DB) / 20)).astype("<i2")


def together(batch: list[Written]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(tokens [batch, length], where the next one is scored, the tokens that are right there)."""
    length = max(len(written.tokens) for written in batch)
    tokens = torch.zeros(len(batch), length, dtype=torch.long)
    following = torch.full((len(batch), length), -1)
    for row, written in enumerate(batch):
        tokens[row, : len(written.tokens)] = torch.tensor(written.tokens)
        following[row, : len(written.following)] = torch.tensor(written.following)
    scored = following >= 0
    return tokens, scored, following[scored]
