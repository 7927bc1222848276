"""Lines that other lines do not teach are drawn more often, and only where they are named."""

import itertools
import json
import tempfile
import unittest
from pathlib import Path
from unittest.mock import patch

from trainer import corpus, hard_lines
from trainer.catalog import Catalog
from trainer.dealing import Dealer
from trainer.errors import TrainingError
from trainer.samples import Sampler
from trainer.values import Lexicons

LEXICONS = Path(__file__).resolve().parents[2] / "corpus/lexicons"
NAMES = ("warm", "cool", "dry", "dim", "lock")
PACK = "".join(f'[[command]]\nname = "cabin.{name}"\nphrases.en = ["{name}"]\nphrases.zh = ["{name}"]\n' for name in NAMES)
HARD = "cabin number 7 is too cold for me"
HARD_NOTHING = "it was cold there"


class HardLinesTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "pack.toml").write_text(PACK, encoding="utf-8")
        lines = [
            corpus.Line(text, language, "train", command)
            for language, command, text in itertools.chain(
                (("en", f"cabin.{name}", f"{name} it {n} times") for name in NAMES for n in range(60)),
                (("en", None, f"cabin number {n} was nice") for n in range(60)),
                [("en", "cabin.warm", HARD), ("en", None, HARD_NOTHING)],
            )
        ]
        lines += [corpus.Line(f"talk number {n}", "en", "train", None, where="negatives.en.txt") for n in range(60)]
        self.corpus = corpus.Corpus(lines, [])
        self.named = self.folder / "hard.jsonl"

    def drawn(self, hard: frozenset[corpus.Line], draw: str) -> list[str]:
        names = Lexicons(LEXICONS, lambda name: False)
        with patch("trainer.samples.Homophones"):  # needs a package that tests do without
            sampler = Sampler(Catalog(self.folder), self.corpus, [], names, "train", {}, ("en",), hard)
        dealer = Dealer(1)
        return [getattr(sampler, draw)("en", dealer).text for _ in range(100)]

    def test_a_named_line_is_in_many_sentences_and_any_other_in_few(self) -> None:
        self.named.write_text(json.dumps(["en", "cabin.warm", HARD]) + "\n", encoding="utf-8")
        hard = hard_lines.read(self.named, self.corpus.lines)
        self.assertEqual([line.text for line in hard], [HARD])
        self.assertGreater(sum(HARD in text for text in self.drawn(hard, "joined")), 50)
        self.assertLess(sum(HARD in text for text in self.drawn(frozenset(), "joined")), 10)

    def test_so_is_a_named_line_that_means_nothing(self) -> None:
        self.named.write_text(json.dumps(["en", None, HARD_NOTHING]) + "\n", encoding="utf-8")
        hard = hard_lines.read(self.named, self.corpus.lines)
        self.assertGreater(self.drawn(hard, "to_speak").count(HARD_NOTHING), 5)
        self.assertLess(self.drawn(frozenset(), "to_speak").count(HARD_NOTHING), 3)

    def test_a_line_that_the_corpus_no_longer_has_is_passed_over(self) -> None:
        self.named.write_text('["en", "cabin.cool", "gone"]\n', encoding="utf-8")
        self.assertEqual(hard_lines.read(self.named, self.corpus.lines), frozenset())

    def test_a_file_that_cannot_be_read_says_how_it_is_made(self) -> None:
        self.named.write_text("cabin.warm\n", encoding="utf-8")
        with self.assertRaisesRegex(TrainingError, r"hard.jsonl.*trainer hard"):
            hard_lines.read(self.named, self.corpus.lines)


if __name__ == "__main__":
    unittest.main()
