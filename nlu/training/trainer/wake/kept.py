"""Speech that is synthesised once and kept in a folder."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from .. import recordings
from ..speaking import Voices

SPEEDS = (0.75, 1.3)


class Kept:
    """Voices whose sentences are kept."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._voices = Voices()

    def speak(self, text: str, language: str, voice: str, speed: float) -> np.ndarray:
        """16 bit, without the silence around it."""
        return recordings.read(self.file(text, language, voice, speed))

    def file(self, text: str, language: str, voice: str, speed: float) -> Path:
        """Where it is kept."""
        key = hashlib.sha256(f"{language} {voice} {speed:.3f} {text}".encode()).hexdigest()[:24]
        path = self._folder / f"{key}.wav"
        if not path.exists():
            unfinished = path.with_suffix(".part")
            recordings.write(unfinished, trimmed(self._voices.speak(text, language, voice, speed, seed=None)))
            unfinished.rename(path)
        return path


def trimmed(samples: np.ndarray) -> np.ndarray:
    """Without the silence before and behind."""
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > 0.02 * np.abs(samples.astype(np.int32)).max())
    return samples[loud[0] : loud[-1] + 1]
