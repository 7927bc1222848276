"""What the recogniser learns from: the spectrum that it sees, and sentences as they are spoken."""

import argparse
import unittest
from pathlib import Path

import numpy as np

from trainer.corpus import LANGUAGES
from trainer.recogniser import material, sound
from trainer.samples import Sample

NEAR_MISSES = Path(__file__).resolve().parents[2] / "wake"
FILTERS = np.eye(80, 201, dtype=np.float32)


class Sound(unittest.TestCase):
    def test_a_sentence_gets_as_many_positions_as_the_daemon_gives_it(self):
        for seconds, expected in ((0, 512), (2, 512), (15, 832), (60, 1500)):
            self.assertEqual(sound.positions(seconds * 16_000, least=512), expected)

    def test_a_tone_is_loudest_where_its_frequency_is_and_silence_follows(self):
        tone = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000)
        seen = sound.spectrum(np.round(tone * 20_000).astype("<i2"), FILTERS, 256)
        self.assertEqual(seen.shape, (80, 512))
        self.assertEqual(seen[:, 50].argmax(), 1000 * sound.WINDOW // 16_000)
        self.assertEqual(seen[:, 200].max(), seen.min())

    def test_half_as_loud_looks_the_same(self):
        noise = np.random.default_rng(3).integers(-9000, 9000, 16_000).astype("<i2")
        loud, quiet = (sound.spectrum(samples, FILTERS, 256) for samples in (noise, noise // 2))
        np.testing.assert_allclose((loud - quiet)[:, 10:90], 2 * np.log10(2) / 4, atol=0.02)


class Sentences:
    """As many as one likes, and some twice."""

    def to_speak(self, language: str, rng) -> Sample:
        return Sample(f"sentence {rng.randrange(800)}", language, "", "", (), "single")


class Material(unittest.TestCase):
    def test_sentences_are_drawn_alike_every_time_and_some_begin_with_a_wake_phrase(self):
        arguments = argparse.Namespace(seed=1, sentences=400, near_misses=NEAR_MISSES)
        drawn, again = (list(material._sentences(Sentences(), arguments)) for _ in range(2))
        self.assertEqual(drawn, again)
        self.assertEqual({language for _, _, language, _, _ in drawn}, set(LANGUAGES))
        called = [said for text, said, _, _, _ in drawn if text.startswith(("hello car, ", "hey codriver, ", "你好小车，"))]
        self.assertTrue(4 < len(called) < 0.05 * len(drawn), "nobody is to be heard calling who does not")
        self.assertFalse([said for said in called if "hey codriver" in said], "voices misread it")


if __name__ == "__main__":
    unittest.main()
