"""Single words of real speakers, given as a pack in which each word is a command: how many are taken for the right one.

A folder holds WAV files and `manifest.tsv`: path, transcript, speaker, language.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import recordings
from .errors import TrainingError
from .hearing import hear

SHOWN = 15
_PACK = """[pack]
name = "words"
version = "1.0.0"
"""
_COMMAND = """
[[command]]
name = "words.number_{number}"
summary = {word}
phrases.{language} = [{word}]
route.vss = {{ operation = "set", value = {number}, paths = ["Words.Said"] }}
replies.{language} = {{ done = {word} }}
"""


@dataclass(frozen=True)
class Word:
    path: Path
    text: str
    language: str

    @property
    def row(self) -> str:
        return f"{self.path.parent.name} {self.language}"


def figures(arguments: argparse.Namespace) -> str:
    right, taken, asked = Counter(), Counter(), Counter()
    mistakes = Counter()
    for folder in arguments.folders:
        words = _read(folder, arguments.each)
        known = sorted({(word.text, word.language) for word in words})
        with tempfile.TemporaryDirectory() as configs:
            _write_pack(Path(configs) / "commands", known, arguments.commands.parent / "languages")
            commands, languages = Path(configs) / "commands", sorted({language for _, language in known})
            for word, heard in hear(_sounds(words), arguments.program, commands, languages):
                said = [known[int(name.rpartition("_")[2])][0] for name, _ in heard.commands]
                asked[word.row] += 1
                right[word.row] += said == [word.text]
                taken[word.row] += bool(said) and said != [word.text]
                if said != [word.text]:
                    mistakes[f"{word.text} > {' '.join(said) or f'nothing ({heard.text!r})'}"] += 1
    lines = ["taken for the right word; for another; of words said"]
    for row, count in asked.items():
        lines.append(f"{row:20}{right[row]:5} {right[row] / count:6.1%}{taken[row]:5} {taken[row] / count:6.1%}{count:6}")
    lines.append("mistakes: " + ", ".join(f"{mistake} {count}" for mistake, count in mistakes.most_common(SHOWN)))
    return "\n".join(lines)


def _read(folder: Path, each: int | None) -> list[Word]:
    """The words of a folder, `each` recordings of every one (None: all)."""
    listing = folder / "manifest.tsv"
    if not listing.is_file():
        raise TrainingError(f"{listing} is missing; it names path, transcript, speaker and lang of every recording")
    with open(listing, encoding="utf-8", newline="") as file:
        rows = [Word(folder / row["path"], row["transcript"], row["lang"][:2]) for row in csv.DictReader(file, delimiter="\t")]
    seen: Counter[str] = Counter()
    chosen = []
    for word in rows:
        seen[word.text] += 1
        if each is None or seen[word.text] <= each:
            chosen.append(word)
    return chosen


def _sounds(words: list[Word]) -> Iterator[tuple[Word, np.ndarray]]:
    for word in words:
        yield word, recordings.read(word.path)


def _write_pack(folder: Path, words: list[tuple[str, str]], languages: Path) -> None:
    folder.mkdir()
    (folder.parent / "languages").symlink_to(languages)
    commands = [
        _COMMAND.format(number=number, word=json.dumps(word, ensure_ascii=False), language=language)
        for number, (word, language) in enumerate(words)
    ]
    (folder / "words.toml").write_text(_PACK + "".join(commands), encoding="utf-8")
