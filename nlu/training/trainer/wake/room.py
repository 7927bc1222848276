"""Small rooms: reverberation as in a car or a garage, made up."""

from __future__ import annotations

import numpy as np

from ..recordings import RATE_HZ

DECAYS_S = (0.05, 0.35)
"""Time in which the sound falls by 60 dB: a car's cabin is short, a garage long."""
DIRECT_DB = (-2.0, 12.0)
"""The direct sound over the reverberation."""


def reverberated(speech: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Speech (16 bit) in a room of noise that decays; as loud as before."""
    decay = rng.uniform(*DECAYS_S)
    length = round(decay * RATE_HZ)
    tail = rng.standard_normal(length) * 10 ** (-3 * np.arange(length) / length)
    tail /= np.sqrt(np.square(tail).sum()) * 10 ** (rng.uniform(*DIRECT_DB) / 20)
    tail[0] += 1.0
    size = len(speech) + length
    sound = np.fft.irfft(np.fft.rfft(speech, size) * np.fft.rfft(tail, size), size)[: len(speech)]
    sound *= np.abs(speech).max() / max(np.abs(sound).max(), 1.0)
    return np.round(sound).astype("<i2")
