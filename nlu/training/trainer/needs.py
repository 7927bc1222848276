"""The list of indirect needs that understanding is measured by.

A line of `needs_list.<language>.txt` is `text => answer | answer`: all answers that would content a reasonable
person, the best first. `a=1/2/3` stands for one answer with each of the values. Nothing of the list is trained on.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

from .catalog import Call, Catalog
from .corpus import LANGUAGES, Corpus, entries
from .errors import TrainingError
from .follow_ups import FollowUp
from .likeness import edit_distance, words

LEAST = 80
"""Sentences a language, for a figure that means something."""
TOO_LIKE = 1 / 3
"""Of the longer sentence's words: with no more than these changed, one is the other."""
_VALUE = re.compile(r"(?<==)([^,()]+)")


@dataclass(frozen=True)
class Need:
    text: str
    language: str
    accepted: tuple[tuple[Call, ...], ...]
    """The best first."""
    where: str


def read(folder: Path, catalog: Catalog) -> list[Need]:
    needs = []
    for language in LANGUAGES:
        for where, _, line in entries(folder / f"needs_list.{language}.txt"):
            text, arrow, answers = (part.strip() for part in line.partition("=>"))
            if not arrow:
                raise TrainingError(f'{where}: there is no "=>"; write: text => calls | other calls')
            accepted = [
                tuple(catalog.parse(one, where)) for answer in answers.split("|") for one in _spread(answer.strip())
            ]
            if () in accepted:
                raise TrainingError(f"{where}: a need is something to be done about; leave out what means nothing")
            needs.append(Need(text, language, tuple(accepted), where))
    return needs


def _spread(answer: str) -> Iterator[str]:
    """Every answer that `a.b(c=1/2,d=3/4)` stands for, the first values first."""
    parts = _VALUE.split(answer)
    values = [part.split("/") if place % 2 else [part] for place, part in enumerate(parts)]
    return ("".join(chosen) for chosen in itertools.product(*values))


def check(needs: list[Need], corpus: Corpus, follow_ups: list[FollowUp]) -> None:
    """`TrainingError` where the list is too short, or the corpus has a sentence of it or one very like it."""
    for language in LANGUAGES:
        of_language = [need for need in needs if need.language == language]
        if len(of_language) < LEAST:
            raise TrainingError(f"needs_list.{language}.txt: {len(of_language)} sentences are fewer than {LEAST}")
        known = [
            (set(parts), parts, sentence.text)
            for sentence in itertools.chain(corpus.lines, corpus.several, corpus.heard, follow_ups)
            if sentence.language == language and (parts := _parts(sentence.text, language))
        ]
        for need in of_language:
            same = _alike(_parts(need.text, language), known)
            if same is not None:
                raise TrainingError(f'{need.where}: the corpus has "{same}", which is too like it to measure by')
            known.append((set(parts := _parts(need.text, language)), parts, need.text))


def _parts(text: str, language: str) -> list[str]:
    """Words of English, characters of Mandarin."""
    return words(text).split() if language == "en" else list(words(text).replace(" ", ""))


def _alike(parts: list[str], known: list[tuple[set[str], list[str], str]]) -> str | None:
    different = set(parts)
    for its_set, its, text in known:
        most = int(max(len(parts), len(its)) * TOO_LIKE)
        # Each missing word costs a change: most sentences are told apart without counting more.
        if len(different - its_set) <= most and edit_distance(parts, its) <= most:
            return text
    return None
