"""A misheard sentence is learnt from only while a person could still tell what was meant."""

import tempfile
import unittest
from pathlib import Path

from trainer import misheard
from trainer.catalog import Catalog, answer
from trainer.likeness import likeness, words
from trainer.misheard import Heard
from trainer.samples import Sample

PACK = """
[[command]]
name = "cabin.warm"
arguments.zone = { kind = "zone", allowed = ["driver", "rear"], default = "driver" }
arguments.degrees = { kind = "number", unit = "kelvin", min = 0.5, max = 50, step = 0.5, default = 1 }

[[command]]
name = "cabin.go"
arguments.place = { kind = "text", max_characters = 20 }
"""


def letters(text: str) -> tuple[str, ...]:
    """Spelling in place of sound."""
    return tuple(words(text.replace("3", "three")).split())


class MisheardTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        (Path(folder.name) / "pack.toml").write_text(PACK, encoding="utf-8")
        self.catalog = Catalog(Path(folder.name))

    def line(self, said: str, calls: str, heard: str, patterns: tuple = (), held_out: tuple = ()) -> str | None:
        parsed = tuple(self.catalog.parse(calls, "here"))
        sample = Sample(said, "en", "", answer(list(parsed)), parsed, "single")
        answered = Heard(heard, "en", 0.8, patterns)
        return misheard.line(sample, answered, self.catalog, letters, set(held_out))

    def test_a_near_word_keeps_its_meaning(self) -> None:
        self.assertEqual(
            self.line("heat the rear by three degrees", "cabin.warm(zone=rear,degrees=3)", "Heat the reer by 3 degrees."),
            "Heat the reer by 3 degrees. => cabin.warm(zone=rear,degrees=3)",
        )

    def test_what_was_heard_rightly_teaches_nothing(self) -> None:
        self.assertIsNone(self.line("heat the rear", "cabin.warm(zone=rear)", "Heat the rear."))

    def test_a_lost_word_another_number_or_an_opposite_leaves_the_line_out(self) -> None:
        said, calls = "please heat the cabin in the rear by three degrees", "cabin.warm(zone=rear,degrees=3)"
        for heard in (
            "please heat the cabin in the by three degrees",
            "please heat the cabin in the rear by 13 degrees",
            "please heat the cabin in the front by three degrees",
            "please don't heat the cabin in the rear by three degrees",
        ):
            with self.subTest(heard):
                self.assertIsNone(self.line(said, calls, heard))

    def test_junk_means_nothing_unless_the_patterns_know_it(self) -> None:
        self.assertEqual(self.line("heat the rear", "cabin.warm(zone=rear)", "oh, goodness, muffin"), "oh, goodness, muffin => none")
        known = (("cabin.go", (("place", "muffin"),)),)
        self.assertIsNone(self.line("heat the rear", "cabin.warm(zone=rear)", "oh, goodness, muffin", known))

    def test_what_the_patterns_understand_otherwise_is_left_out(self) -> None:
        said, calls, heard = "heat the rear now", "cabin.warm(zone=rear)", "heet the rear now"
        right = (("cabin.warm", (("degrees", "1"), ("zone", "rear"))),)
        wrong = (("cabin.warm", (("degrees", "1"), ("zone", "driver"))),)
        self.assertIsNotNone(self.line(said, calls, heard, right))
        self.assertIsNone(self.line(said, calls, heard, wrong))

    def test_free_text_is_quoted_as_it_was_heard(self) -> None:
        self.assertEqual(
            self.line("take me to the old mill please", 'cabin.go(place="the old mill")', "Take me to the old Mell, please."),
            'Take me to the old Mell, please. => cabin.go(place="the old Mell")',
        )
        self.assertIsNone(self.line("take me to the old mill", "cabin.go(place=the old mill)", "Make me two the old mill."))

    def test_a_sentence_kept_for_testing_is_not_given_away(self) -> None:
        self.assertIsNone(self.line("heat the rear", "cabin.warm(zone=rear)", "heat the reer", (), ("heat the reer",)))

    def test_likeness_tells_the_word_that_was_heard_worst(self) -> None:
        found = likeness(("open", "door"), ("open", "foor"))
        self.assertEqual((found.distance, found.weakest_word), (1 / 8, 0.75))


if __name__ == "__main__":
    unittest.main()
