"""How like two sentences sound: what was said, and what was heard."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Callable

Sounds = Callable[[str], tuple[str, ...]]
"""From a sentence to the sounds of its words, one character each."""

_NO_SOUND = re.compile(r"[^\w]|_|[ˈˌː]")
# Sounds that are taken for one another count as the same: voiced and unvoiced
# consonants, vowels of one corner of the mouth.
_ENGLISH = str.maketrans("bdɡvzðʒɪeɛæɔɒʌəaɐoʊɜɚᵻ", "ptkfsθʃiiiiɑɑɑɑɑɑɑuɑɑi")
_MANDARIN = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("ng", "n"))


@dataclass(frozen=True)
class Likeness:
    distance: float
    """Sounds to change, over the sounds that were said: 0 the same, 1 nothing alike."""
    weakest_word: float
    """Of the sounds of the word that was heard worst, the share that was heard."""


def sounds_of(language: str, english: Callable[[str], str]) -> Sounds:
    """`english` writes an English sentence in IPA; Mandarin sounds as its syllables without tones."""

    @lru_cache(4096)
    def sounds(text: str) -> tuple[str, ...]:
        if language == "en":
            spoken = [_NO_SOUND.sub("", word).translate(_ENGLISH) for word in english(text).split()]
        else:
            spoken = _pinyin(text)
        return tuple(word for word in spoken if word)

    return sounds


def _pinyin(text: str) -> list[str]:
    """Words of Mandarin in pinyin without tones; digits as they are read."""
    import jieba
    from pypinyin import lazy_pinyin

    jieba.setLogLevel("WARNING")
    spoken = []
    for word in jieba.cut(in_words(text)):
        letters = _NO_SOUND.sub("", "".join(lazy_pinyin(word)))
        for two, one in _MANDARIN:
            letters = letters.replace(two, one)
        spoken.append(letters)
    return spoken


def in_words(text: str) -> str:
    """Mandarin with its numbers in characters: 22度 is 二十二度."""
    import cn2an

    try:
        return cn2an.transform(text, "an2cn")
    except ValueError:  # no number that it knows
        return text


def words(text: str) -> str:
    """A sentence without what is not heard: letters' case, punctuation, blanks between words."""
    return " ".join(re.sub(r"[^\w\s]|_", " ", text.lower()).split())


def likeness(said: tuple[str, ...], heard: tuple[str, ...]) -> Likeness:
    distance, found = _aligned("".join(said), "".join(heard))
    weakest, place = 1.0, 0
    for word in said:
        if len(word) > 1:
            weakest = min(weakest, sum(found[place : place + len(word)]) / len(word))
        place += len(word)
    return Likeness(distance / max(1, len(found)), weakest)


def _aligned(said: str, heard: str) -> tuple[int, list[bool]]:
    """Their edit distance, and which sounds of `said` were heard."""
    rows = [list(range(len(heard) + 1))]
    for i, sound in enumerate(said, start=1):
        before, row = rows[-1], [i]
        for j, other in enumerate(heard, start=1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (sound != other)))
        rows.append(row)
    found = [False] * len(said)
    i, j = len(said), len(heard)
    while i > 0:
        same = j > 0 and said[i - 1] == heard[j - 1]
        if j > 0 and rows[i][j] == rows[i - 1][j - 1] + (not same):
            i, j = i - 1, j - 1
            found[i] = same
        elif rows[i][j] == rows[i - 1][j] + 1:
            i -= 1
        else:
            j -= 1
    return rows[-1][-1], found
