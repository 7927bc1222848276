#!/usr/bin/env python3
"""Synthesises the recordings that sentences.toml lists: 16 kHz, mono, 16 bit.

    python3 -m venv /tmp/speech && /tmp/speech/bin/pip install --require-hashes \\
        --no-deps -r nlu/training/requirements-speech.txt
    /tmp/speech/bin/python tests/speech/make.py            # writes tests/speech/*.wav
    /tmp/speech/bin/python tests/speech/make.py --check    # writes nothing, compares

Each recording depends only on its line in sentences.toml: the random numbers of
the voice start from `seed`, on one thread. Another processor may round
differently in the last bits; --check therefore allows a small difference.
The voices are those of nlu/training (npm fetches Kokoro's); they are never part of the product.
"""

import argparse
import pathlib
import sys
import tomllib

import numpy

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "nlu/training"))

from trainer.recordings import RATE_HZ, read, write  # noqa: E402
from trainer.speaking import Kokoro, Piper, finish  # noqa: E402

LARGEST_DIFFERENCE = 0.02  # --check: mean absolute difference over mean level


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--check", action="store_true", help="compare, write nothing")
    arguments.add_argument("only", nargs="*", help="file names to make (default: all)")
    arguments = arguments.parse_args()

    listing = tomllib.loads((HERE / "sentences.toml").read_text(encoding="utf-8"))
    piper, kokoro = Piper(), Kokoro()
    different = 0
    for sentence in listing["sentence"] + listing["wake"]:
        if arguments.only and sentence["file"] not in arguments.only:
            continue
        spoken = sentence.get("spoken", sentence["text"])
        if sentence["language"] == "en":
            sound = piper.speak(spoken, sentence.get("speed", 1.0), sentence.get("seed", 1))
        else:
            sound = kokoro.speak(spoken, sentence.get("voice", "jf_alpha"), sentence.get("speed", 0.9))
        finished = finish(*sound)
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


def compare(path: pathlib.Path, samples: numpy.ndarray) -> float:
    """Mean absolute difference relative to the mean level; 1.0 where lengths differ."""
    kept = read(path)
    if len(kept) != len(samples):
        return 1.0
    kept, samples = kept.astype(float), samples.astype(float)
    return float(numpy.abs(kept - samples).mean() / numpy.abs(kept).mean())


if __name__ == "__main__":
    sys.exit(main())
