"""Mishearing on paper: Mandarin characters replaced by others of the same sound."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import Iterable


class Homophones:
    """Characters of the corpus by their toneless syllable."""

    def __init__(self, texts: Iterable[str]) -> None:
        from pypinyin import lazy_pinyin  # the tests of the corpus do without

        by_sound: dict[str, set[str]] = defaultdict(set)
        for character in {c for text in texts for c in text if "\u4e00" <= c <= "\u9fff"}:
            by_sound[lazy_pinyin(character)[0]].add(character)
        self._alternatives = {
            character: sorted(same - {character}) for same in by_sound.values() for character in same
        }

    def mishear(self, text: str, rng: random.Random) -> str:
        """The text with one or two characters exchanged for homophones."""
        places = [i for i, c in enumerate(text) if self._alternatives.get(c)]
        characters = list(text)
        for place in rng.sample(places, min(len(places), rng.choice((1, 1, 2)))):
            characters[place] = rng.choice(self._alternatives[characters[place]])
        return "".join(characters)
