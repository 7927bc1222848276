"""The corpus is read strictly, against the packs, and split by its words."""

import tempfile
import unittest
from pathlib import Path

from trainer import corpus
from trainer.catalog import Catalog, answer, context
from trainer.errors import TrainingError

PACK = """
[[command]]
name = "cabin.warm"
arguments.zone = { kind = "zone", allowed = ["driver", "rear"], default = "driver" }
arguments.degrees = { kind = "number", unit = "kelvin", min = 0.5, max = 5, step = 0.5, default = 1 }
phrases.en = ["(warm | heat) [the] {zone}"]

[[command]]
name = "cabin.go"
arguments.place = { kind = "text", max_characters = 20 }
"""


class CorpusTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "pack.toml").write_text(PACK, encoding="utf-8")
        self.catalog = Catalog(self.folder)
        (self.folder / "phrases").mkdir()
        for language in corpus.LANGUAGES:
            for name in ("negatives", "several", "follow_ups"):
                (self.folder / f"{name}.{language}.txt").write_text("", encoding="utf-8")

    def read(self, phrases: str) -> corpus.Corpus:
        (self.folder / "phrases" / "cabin.en.txt").write_text(phrases, encoding="utf-8")
        return corpus.read(self.folder, self.catalog)

    def test_a_line_has_slots_fixed_arguments_and_the_mark_of_an_indirect_need(self) -> None:
        first, second = self.read("[cabin.warm]\nheat {zone:adjective} by {degrees}\n~ brr => degrees=2\n").lines
        self.assertEqual(first.slots, [("zone", "adjective"), ("degrees", "")])
        self.assertEqual((second.text, second.indirect, dict(second.fixed)), ("brr", True, {"degrees": "2"}))

    def test_words_that_ask_for_something_and_for_nothing_are_refused(self) -> None:
        corpus.check(self.read("[cabin.warm]\nheat {zone}\n[none]\nheat the oven\n"))
        with self.assertRaisesRegex(TrainingError, r"cabin.en.txt:4.*cabin.warm at cabin.en.txt:2"):
            corpus.check(self.read("[cabin.warm]\nwarm me up\n[none]\nWarm me up.\n"))

    def test_what_the_pack_does_not_know_is_refused_with_its_line(self) -> None:
        for phrases, problem in (
            ("[cabin.cool]\nx", "no command cabin.cool"),
            ("[cabin.warm]\nx {seat}", "no argument seat"),
            ("[cabin.warm]\nx => degrees=9", "outside 0.5 to 5"),
            ("[cabin.warm]\nx => degrees=0.7", "not a step"),
            ("[cabin.warm]\nx => zone=boot", "not one of driver, rear"),
            ("[cabin.warm]\nx => zone=driver,zone=rear", "zone has two values"),
            ("[cabin.warm]\nx {zone", "a brace"),
        ):
            with self.subTest(phrases), self.assertRaisesRegex(TrainingError, f"cabin.en.txt:2: .*{problem}"):
                self.read(phrases)

    def test_the_same_words_fall_into_the_same_split_whatever_their_case(self) -> None:
        self.assertEqual(corpus.split_of("Heat it "), corpus.split_of("heat it"))

    def test_answers_are_written_in_the_order_of_the_pack_and_contexts_with_defaults(self) -> None:
        calls = self.catalog.parse("cabin.warm(degrees=2);cabin.go(place=the mill)", "here")
        self.assertEqual(answer(calls), ' cabin.warm(degrees=2);cabin.go(place="the mill")')
        done = [self.catalog.completed(call) for call in calls]
        self.assertEqual(context(done), 'cabin.warm(zone=driver,degrees=2) cabin.go(place="the mill")')


if __name__ == "__main__":
    unittest.main()
