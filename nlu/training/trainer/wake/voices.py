"""Who speaks: voices to train with, and others to find out whether that was enough."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import numpy as np

from .. import recordings
from ..speaking import Voices

HELD_OUT = {"en": ("joe", "jf_tebukuro"), "zh": ("jf_tebukuro",)}
"""Never trained with."""
_KOKORO = ("jf_alpha", "jm_kumo", "jf_gongitsune", "jf_nezumi")
_PAIRS = tuple(f"{a}+{b}" for i, a in enumerate(_KOKORO) for b in _KOKORO[i + 1 :])
_ACCENTS = {
    "en": ("en-us", "en-us", "en-gb", "en-gb-x-rp", "en-gb-scotland", "en-gb-x-gbclan", "en-029"),
    "zh": ("cmn",),
}
_TIMBRES = ("", "+m1", "+m2", "+m3", "+m4", "+m5", "+m6", "+m7", "+f1", "+f2", "+f3", "+f4", "+f5", "+klatt", "+klatt2")
SPEEDS = (0.75, 1.3)


def any_voice(language: str, natural: float, rng: random.Random) -> str:
    """With the probability `natural` one of Kokoro's or two of them mixed; else one of espeak-ng's many."""
    return rng.choice(_KOKORO + _PAIRS) if rng.random() < natural else mechanical(language, rng)


def mechanical(language: str, rng: random.Random) -> str:
    """One of espeak-ng's many."""
    return f"espeak:{rng.choice(_ACCENTS[language])}{rng.choice(_TIMBRES)}@{rng.randrange(25, 80)}"


class Kept:
    """Voices whose sentences are synthesised once and kept in a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._voices = Voices()

    def speak(self, text: str, language: str, voice: str, speed: float) -> np.ndarray:
        """16 bit, without the silence around it."""
        key = hashlib.sha256(f"{language} {voice} {speed:.3f} {text}".encode()).hexdigest()[:24]
        path = self._folder / f"{key}.wav"
        if not path.exists():
            unfinished = path.with_suffix(".part")
            recordings.write(unfinished, trimmed(self._voices.speak(text, language, voice, speed, seed=None)))
            unfinished.rename(path)
        return recordings.read(path)


def trimmed(samples: np.ndarray) -> np.ndarray:
    """Without the silence before and behind."""
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > 0.02 * np.abs(samples.astype(np.int32)).max())
    return samples[loud[0] : loud[-1] + 1]
