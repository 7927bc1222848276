"""The list of needs is kept apart from the corpus, and any fair answer to it counts."""

import json
import tempfile
import unittest
from pathlib import Path

from trainer import needs
from trainer.catalog import Catalog, answer
from trainer.corpus import LANGUAGES, Corpus, Line
from trainer.errors import TrainingError
from trainer.tables import tables

PACK = """
[[command]]
name = "cabin.warm"
arguments.zone = { kind = "zone", allowed = ["driver", "all"], default = "all" }
arguments.degrees = { kind = "number", unit = "kelvin", min = 0.5, max = 5, step = 0.5, default = 1 }

[[command]]
name = "seat.heat"
"""


class NeedsTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "pack.toml").write_text(PACK, encoding="utf-8")
        self.catalog = Catalog(self.folder)

    def read(self, english: str, mandarin: str = "") -> list[needs.Need]:
        for language, text in (("en", english), ("zh", mandarin)):
            (self.folder / f"needs_list.{language}.txt").write_text(text, encoding="utf-8")
        return needs.read(self.folder, self.catalog)

    def check(self, listed: str, in_corpus: str, language: str = "en") -> None:
        """The list filled up to its least length, beside a corpus of one line."""
        full = {
            "en": [f"unlike{n}" for n in range(needs.LEAST)],
            "zh": [chr(0x4E00 + 2 * n) + chr(0x4E01 + 2 * n) for n in range(needs.LEAST)],
        }
        full[language].append(listed)
        english, mandarin = ("".join(f"{text} => seat.heat()\n" for text in full[of]) for of in LANGUAGES)
        corpus = Corpus([Line(in_corpus, language, "train", "seat.heat")], [])
        needs.check(self.read(english, mandarin), corpus, [])

    def test_a_line_stands_for_all_its_answers_the_best_first(self) -> None:
        (need,) = self.read("brr => cabin.warm(degrees=2/1,zone=all/driver) | seat.heat()")
        self.assertEqual(
            [answer(list(calls)).strip() for calls in need.accepted],
            [
                "cabin.warm(zone=all,degrees=2)",
                "cabin.warm(zone=driver,degrees=2)",
                "cabin.warm(zone=all,degrees=1)",
                "cabin.warm(zone=driver,degrees=1)",
                "seat.heat()",
            ],
        )

    def test_what_the_pack_refuses_or_means_nothing_is_refused_with_its_line(self) -> None:
        for line, problem in (
            ("brr", "no"),
            ("brr => cabin.warm(degrees=2/9)", "outside 0.5 to 5"),
            ("brr => seat.heat() | none", "leave out"),
        ):
            with self.subTest(line), self.assertRaisesRegex(TrainingError, f"needs_list.en.txt:1: .*{problem}"):
                self.read(line)

    def test_a_sentence_that_the_corpus_has_or_nearly_has_is_refused(self) -> None:
        for listed, in_corpus, language in (
            ("My toes are turning blue!", "my toes are turning blue", "en"),
            ("my toes have gone quite blue", "my toes have gone blue", "en"),
            ("脚趾头都冻得发紫了", "脚趾头都冻紫了", "zh"),
        ):
            with self.subTest(listed), self.assertRaisesRegex(TrainingError, f'needs_list.{language}.txt:81: .*"{in_corpus}"'):
                self.check(listed, in_corpus, language)
        self.check("my toes are turning blue", "my nose is turning blue in this wind")

    def test_a_list_of_a_few_sentences_is_refused(self) -> None:
        with self.assertRaisesRegex(TrainingError, "needs_list.en.txt: 1 sentences are fewer than 80"):
            needs.check(self.read("brr => seat.heat()"), Corpus([], []), [])

    def test_any_accepted_answer_counts_as_right_and_no_other_does(self) -> None:
        rows = [self.row(calls) for calls in ("seat.heat()", "cabin.warm(degrees=1)", "cabin.warm(degrees=5)")]
        path = self.folder / "answers"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        line = next(line for line in tables(path, self.catalog).splitlines() if line.startswith("en need"))
        self.assertEqual(line.split()[2:], ["2/3", "66.7%"] * 4 + ["1/3", "33.3%"])

    def row(self, calls: str) -> dict:
        said = {"calls": [calls], "meant": None, "ms": 1.0, "confidence": 0.9, "clauses": False}
        return {
            "text": "brr", "language": "en", "kind": "need", "before": "", "guarded": False, "expected": ["seat.heat()"],
            "accepted": [["cabin.warm(degrees=1)"]], "patterns": said, "model": said, "both": said,
        }  # fmt: skip


if __name__ == "__main__":
    unittest.main()
