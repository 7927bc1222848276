"""What whisper sees of a recording: a logarithmic spectrum on the mel scale."""

from __future__ import annotations

import numpy as np

from ..recordings import RATE_HZ

WINDOW, HOP = 400, 160
SAMPLES_PER_POSITION = 2 * HOP
LONGEST_POSITIONS = 1500


def positions(samples: int, least: int = 256) -> int:
    """As many encoder positions as the recogniser gives so many samples (asr/src/recogniser/whisper.rs)."""
    needed = -(-samples // SAMPLES_PER_POSITION) + 32
    return min(max(-(-needed // 64) * 64, least), LONGEST_POSITIONS)


def spectrum(samples: np.ndarray, filters: np.ndarray, length: int) -> np.ndarray:
    """float32 [80, 2 * length] of 16-bit samples, silence behind them; `filters` are whisper's [80, 201]."""
    sound = np.zeros(length * SAMPLES_PER_POSITION + WINDOW, np.float32)
    sound[WINDOW // 2 : WINDOW // 2 + len(samples)] = samples.astype(np.float32) / 32768
    sound[: WINDOW // 2] = sound[WINDOW : WINDOW // 2 : -1]  # mirrored, as whisper's training did
    frames = np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[::HOP][: 2 * length]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    power = np.abs(np.fft.rfft(frames * window.astype(np.float32))) ** 2
    mel = np.log10(np.maximum(power @ filters.T, 1e-10))
    mel = np.maximum(mel, mel.max() - 8.0)
    return ((mel + 4.0) / 4.0).T.astype(np.float32)


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE_HZ), "<i2")
