"""Sentences that only make sense after something was done, and how they are drawn.

A line of `follow_ups.<language>.txt` is `done before | text => calls`. It may
hold slots: those of the text get a value, which the calls repeat; `{old}` is
a zone of the call before that is not the zone said. Under a heading
`[x = a, b]`, `x` stands for each of these.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from pathlib import Path

from . import values
from .catalog import Call, Catalog
from .corpus import LANGUAGES, SLOT, Sentence, entries, split_of
from .errors import TrainingError
from .values import Lexicons

_X = re.compile(r"\bx(?=[_(])")


@dataclass(frozen=True)
class FollowUp:
    before: str
    text: str
    calls: str
    names: tuple[str, ...]
    language: str
    split: str
    where: str

    def draw(self, catalog: Catalog, lexicons: Lexicons, rng: random.Random) -> Sentence:
        """One sentence, its slots filled."""
        name = rng.choice(self.names) if self.names else ""
        before, calls = (_X.sub(name, part) for part in (self.before, self.calls))
        text = self.text
        old = None
        if "{old}" in before:
            old = rng.choice(_command(before, catalog, self.where).arguments["zone"].allowed)
            before, calls = before.replace("{old}", old), calls.replace("{old}", old)
        while slot := SLOT.search(text):
            argument = _command(calls, catalog, self.where).arguments[slot[1]]
            said, value = values.say(argument, slot[2] or "", self.language, self.split == "test", lexicons, rng)
            while slot[1] == "zone" and value == old:
                said, value = values.say(argument, "", self.language, self.split == "test", lexicons, rng)
            text = text.replace(slot[0], said)
            calls = calls.replace(f"{{{slot[1]}}}", value)
        done: list[Call] = catalog.parse(before, self.where)
        return Sentence(text, self.language, self.split, tuple(catalog.parse(calls, self.where)), tuple(done))


def read(folder: Path, catalog: Catalog) -> list[FollowUp]:
    lines = []
    for language in LANGUAGES:
        for where, heading, line in entries(folder / f"follow_ups.{language}.txt"):
            before, bar, rest = line.partition("|")
            text, arrow, calls = (part.strip() for part in rest.partition("=>"))
            if not bar or not arrow:
                raise TrainingError(f"{where}: write: done before | text => calls")
            names = tuple(name.strip() for name in heading.partition("=")[2].split(",") if name.strip())
            line = FollowUp(before.strip(), text, calls, names, language, split_of(text + before), where)
            _check(line, catalog)
            lines.append(line)
    return lines


def _check(line: FollowUp, catalog: Catalog) -> None:
    for name in line.names or ("",):
        _command(_X.sub(name, line.before), catalog, line.where)
        if line.calls != "none":
            _command(_X.sub(name, line.calls), catalog, line.where)


def _command(calls: str, catalog: Catalog, where: str):
    name = calls.split("(")[0].strip()
    if name not in catalog.commands:
        raise TrainingError(f"{where}: there is no command {name}")
    return catalog.commands[name]
