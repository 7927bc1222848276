"""Noise as in a car, mixed with speech at a given ratio.

The ratio is taken where speech is, between 200 and 7000 Hz: the rumble of the
road below that is loud in every car and disturbs nobody.
"""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import soxr

from .speaking import RATE_HZ

LOWEST_HZ, HIGHEST_HZ = 200, 7000
SHORTEST_BED_S = 3
"""Shorter files in a folder of noises are clicks or room responses, not noise to speak in."""


class Noises:
    """Generated noise of a moving car, and recorded noise where there is any."""

    def __init__(self, folder: Path | None = None) -> None:
        paths = sorted(folder.glob("*.wav")) if folder else []
        beds = [_bed(path) for path in paths]
        self._beds = [bed for bed in beds if len(bed) >= SHORTEST_BED_S * RATE_HZ]

    def mixed(self, speech: np.ndarray, ratio_db: float | None, rng: np.random.Generator) -> np.ndarray:
        """Speech (16 bit) with noise; `None`: as it is. Never clipped: what is too loud is turned down."""
        if ratio_db is None:
            return speech
        noise = self._noise(len(speech), rng)
        speech = speech / 32768
        loud = np.flatnonzero(np.abs(speech) > 0.01)
        gain = np.sqrt(_power(speech[loud[0] : loud[-1] + 1]) / _power(noise) / 10 ** (ratio_db / 10))
        sound = speech + gain * noise
        sound *= min(1.0, 0.98 / np.abs(sound).max())
        return np.round(sound * 32767).astype("<i2")

    def _noise(self, length: int, rng: np.random.Generator) -> np.ndarray:
        if self._beds and rng.random() < 0.5:
            bed = self._beds[rng.integers(len(self._beds))]
            start = rng.integers(len(bed))
            return np.take(bed, np.arange(start, start + length), mode="wrap")
        return road(length, rng)


def road(length: int, rng: np.random.Generator) -> np.ndarray:
    """Tyres and engine (brown, falling with the square of the frequency) under wind (pink)."""
    spectrum = np.fft.rfft(rng.standard_normal(length))
    frequency = np.maximum(np.fft.rfftfreq(length, 1 / RATE_HZ), 30.0)
    wind = rng.uniform(0.3, 1.0)
    shape = 200 / frequency + wind * np.sqrt(200 / frequency)
    noise = np.fft.irfft(spectrum * shape, length)
    # Gusts and joints of the road: the level wanders slowly by some decibels.
    knots = max(2, length // (RATE_HZ // 2))
    sway = np.interp(np.linspace(0, knots - 1, length), np.arange(knots), rng.normal(0, 1.5, knots))
    return noise * 10 ** (sway / 20)


def _power(samples: np.ndarray) -> float:
    """Mean power between LOWEST_HZ and HIGHEST_HZ."""
    spectrum = np.abs(np.fft.rfft(samples)) ** 2
    frequency = np.fft.rfftfreq(len(samples), 1 / RATE_HZ)
    within = (frequency >= LOWEST_HZ) & (frequency <= HIGHEST_HZ)
    return float(spectrum[within].sum()) / len(samples) ** 2 + 1e-12


def _bed(path: Path) -> np.ndarray:
    with wave.open(str(path), "rb") as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, file.getnchannels())
        return soxr.resample(samples.mean(axis=1) / 32768, file.getframerate(), RATE_HZ)
