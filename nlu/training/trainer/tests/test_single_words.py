"""A pack made of the words that a folder of recordings holds."""

import tempfile
import tomllib
import unittest
from pathlib import Path

from trainer import single_words
from trainer.errors import TrainingError

LISTING = "path\ttranscript\tspeaker\tlang\na.wav\tup\t1\ten\nb.wav\tup\t2\ten\nc.wav\t上海\t1\tzh-CN\n"


class SingleWords(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_of_every_word_as_many_recordings_as_wanted_are_read(self) -> None:
        (self.folder / "manifest.tsv").write_text(LISTING, encoding="utf-8")
        words = [(word.path.name, word.text, word.language) for word in single_words._read(self.folder, 1)]
        self.assertEqual(words, [("a.wav", "up", "en"), ("c.wav", "上海", "zh")])
        self.assertEqual(len(single_words._read(self.folder, None)), 3)

    def test_a_folder_without_a_listing_is_named(self) -> None:
        with self.assertRaisesRegex(TrainingError, "manifest.tsv is missing"):
            single_words._read(self.folder, None)

    def test_every_word_is_a_command_of_its_language(self) -> None:
        single_words._write_pack(self.folder / "commands", [("up", "en"), ("上海", "zh")], self.folder)
        pack = tomllib.loads((self.folder / "commands/words.toml").read_text(encoding="utf-8"))
        self.assertEqual([command["phrases"] for command in pack["command"]], [{"en": ["up"]}, {"zh": ["上海"]}])


if __name__ == "__main__":
    unittest.main()
