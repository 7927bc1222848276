"""An accelerator's answers are held against the CPU's, and a worse one does not pass."""

import argparse
import json
import tempfile
import unittest
from pathlib import Path

from trainer.accuracy import accuracy
from trainer.errors import TrainingError


class Accuracy(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def answers(self, name: str, right: dict[str, int], of: int = 100, text: str = "open it") -> Path:
        """`right` of `of` sentences a language are understood."""
        rows = [
            {"text": f"{text} {index}", "language": language, "before": "", "expected": ["a.b()"],
             "model": {"calls": ["a.b()"] if index < count else [], "meant": None, "ms": 7.0}}
            for language, count in right.items() for index in range(of)
        ]  # fmt: skip
        path = self.folder / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path

    def compare(self, cpu: Path, other: Path, at_least: int = 100) -> str:
        return accuracy(argparse.Namespace(cpu=cpu, other=other, within=1.0, at_least=at_least))

    def test_one_point_below_passes_and_two_do_not(self) -> None:
        cpu = self.answers("cpu", {"en": 90, "zh": 80})
        self.assertIn("-1.0 pp", self.compare(cpu, self.answers("near", {"en": 89, "zh": 80})))
        with self.assertRaisesRegex(TrainingError, "zh: 2.0 percentage points below"):
            self.compare(cpu, self.answers("far", {"en": 90, "zh": 78}))

    def test_too_few_sentences_do_not_pass(self) -> None:
        cpu = self.answers("cpu", {"en": 90, "zh": 80})
        with self.assertRaisesRegex(TrainingError, "en: 100 sentences are fewer than 200"):
            self.compare(cpu, cpu, at_least=200)

    def test_answers_to_other_sentences_are_not_compared(self) -> None:
        cpu = self.answers("cpu", {"en": 90, "zh": 80})
        with self.assertRaisesRegex(TrainingError, "other:1: answers another sentence"):
            self.compare(cpu, self.answers("other", {"en": 90, "zh": 80}, text="close it"))


if __name__ == "__main__":
    unittest.main()
