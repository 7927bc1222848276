"""Reads the corpus files and splits them. The format is described in corpus/README.md."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterator

from .catalog import Catalog, Call, arguments_of
from .errors import TrainingError

LANGUAGES = ("en", "zh")
SPLITS = ("train", "validation", "test")
SLOT = re.compile(r"\{(\w+)(?::(\w+))?\}")


@dataclass(frozen=True)
class Line:
    """One phrasing. `command` is None where nothing may be done."""

    text: str
    language: str
    split: str
    command: str | None
    fixed: tuple[tuple[str, str], ...] = ()
    indirect: bool = False
    topic: str = ""
    where: str = ""

    @property
    def slots(self) -> list[tuple[str, str]]:
        """(argument, form) of every slot, in order; the form may be empty."""
        return [(match[1], match[2] or "") for match in SLOT.finditer(self.text)]


@dataclass(frozen=True)
class Sentence:
    """A whole sentence with its calls written out, and the calls before it."""

    text: str
    language: str
    split: str
    calls: tuple[Call, ...]
    before: tuple[Call, ...] = ()


@dataclass(frozen=True)
class Corpus:
    """All but what is said after something was done: that is in `follow_ups`."""

    lines: list[Line]
    several: list[Sentence]
    heard: list[Sentence] = field(default_factory=list)
    """What the recogniser made of sentences for training; of these only."""


def check(corpus: Corpus) -> None:
    """`TrainingError` where the same words ask for something and for nothing."""
    asks = {_plain(line.text): line for line in corpus.lines if line.command is not None}
    for line in corpus.lines:
        if line.command is None and (other := asks.get(_plain(line.text))) is not None:
            raise TrainingError(f'{line.where}: "{line.text}" means {other.command} at {other.where}; take out one of them')


def _plain(text: str) -> str:
    return text.lower().strip(" .?!。？！")


def split_of(text: str) -> str:
    """A tenth for testing, a twentieth for validation: by the words, whatever their order in a file."""
    place = int(hashlib.sha256(text.strip().lower().encode()).hexdigest()[:8], 16) % 20
    return "test" if place < 2 else "validation" if place == 2 else "train"


def name_held_out(name: str) -> bool:
    """Whether a lexicon entry is only for testing: a fifth of them is."""
    return int(hashlib.sha256(f"name {name}".encode()).hexdigest()[:8], 16) % 5 == 0


def read(folder: Path, catalog: Catalog) -> Corpus:
    lines = []
    for language in LANGUAGES:
        for path in sorted((folder / "phrases").glob(f"*.{language}.txt")):
            lines += _phrases(path, language, catalog)
        path = folder / f"negatives.{language}.txt"
        lines += [
            Line(text, language, split_of(text), None, topic=topic, where=where)
            for where, topic, text in entries(path)
        ]
    return Corpus(lines, _several(folder, catalog), _heard(folder, catalog))


def _phrases(path: Path, language: str, catalog: Catalog) -> Iterator[Line]:
    for where, heading, text in entries(path):
        text, arrow, fixed = text.partition("=>")
        indirect = text.startswith("~")
        text = text.lstrip("~").strip()
        if heading == "none":
            yield Line(text, language, split_of(text), None, topic=path.name.split(".")[0], where=where)
            continue
        command = catalog.commands.get(heading)
        if command is None:
            raise TrainingError(f"{where}: there is no command {heading}")
        line = Line(
            text,
            language,
            split_of(text),
            heading,
            tuple(arguments_of(fixed, where).items()),
            indirect,
            where=where,
        )
        catalog.call(heading, dict(line.fixed), where)
        for argument, form in line.slots:
            if argument not in command.arguments:
                raise TrainingError(f"{where}: {heading} has no argument {argument}")
            if form not in ("", "adjective", "fahrenheit"):
                raise TrainingError(f'{where}: "{form}" is not a form of a slot; use adjective or fahrenheit')
        if "{" in SLOT.sub("", text) or "}" in SLOT.sub("", text):
            raise TrainingError(f"{where}: a brace that is no slot")
        yield line


def _several(folder: Path, catalog: Catalog) -> list[Sentence]:
    sentences = []
    for language in LANGUAGES:
        for text, calls in _with_calls(folder / f"several.{language}.txt", catalog):
            sentences.append(Sentence(text, language, split_of(text), calls))
    return sentences


def _heard(folder: Path, catalog: Catalog) -> list[Sentence]:
    """Empty where nothing was heard yet: these files are made, by `trainer hear`."""
    sentences = []
    for language in LANGUAGES:
        path = folder / f"heard.{language}.txt"
        if path.exists():
            sentences += [Sentence(text, language, "train", calls) for text, calls in _with_calls(path, catalog)]
    return sentences


def _with_calls(path: Path, catalog: Catalog) -> Iterator[tuple[str, tuple[Call, ...]]]:
    """Lines of the form `text => calls`."""
    for where, _, line in entries(path):
        text, arrow, calls = (part.strip() for part in line.partition("=>"))
        if not arrow:
            raise TrainingError(f'{where}: there is no "=>"; write: text => calls')
        yield text, tuple(catalog.parse(calls, where))


def entries(path: Path) -> Iterator[tuple[str, str, str]]:
    """(file and line, heading, text) of every line that says something."""
    heading = ""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise TrainingError(f"{path} does not exist; the corpus is incomplete") from None
    for number, line in enumerate(lines, start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("[") and line.endswith("]"):
            heading = line[1:-1].strip()
            continue
        yield f"{path.name}:{number}", heading, line
