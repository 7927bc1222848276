"""How many words the recogniser gets wrong, and which.

Made of what `spoken-sets` writes. Whether the packs' phrases hold a sentence, and so lean the recogniser
towards it, is asked of `codriverctl explain`.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from difflib import SequenceMatcher
from functools import lru_cache

from .corpus import LANGUAGES
from .hearing import held_by_phrases
from .likeness import edit_distance, in_words, words
from .values import spoken_number

SHOWN = 20
"""Misheard words in the list, a language."""

_HESITATIONS = {"en": {"uh", "um", "er", "erm", "hm", "hmm", "mm"}, "zh": {"嗯", "呃"}}
"""Not counted, said or heard: nobody wants them written."""
_SAME = {
    "point five": "and a half",
    "a hundred": "one hundred",
    "percentage": "percent",
    "okay": "ok",
    "alright": "all right",
    "sun roof": "sunroof",
    "off road": "offroad",
    "centre": "center",
    "colour": "color",
    "favourite": "favorite",
    "grey": "gray",
    "yoghurt": "yogurt",
    "yoghurts": "yogurts",
    "tyre": "tire",
    "tyres": "tires",
}
"""Two spellings of what is said the same, or two ways to say what a number stands for."""


def figures(arguments: argparse.Namespace) -> str:
    rows = [json.loads(line) for line in arguments.heard.read_text(encoding="utf-8").splitlines()]
    said = sorted({row["said"] for row in rows})
    held = dict(zip(said, held_by_phrases(said, arguments.program, arguments.commands), strict=True))
    columns = "".join(f"{column:>28}" for column in ("all", "held by phrases", "not held"))
    lines = ["words wrong, of sentences (without a wrong word)", f"{'':14}{columns}  voices, least and most wrong"]
    for language in LANGUAGES:
        of_language = [row for row in rows if row["spoken_language"] == language]
        for ratio in sorted({row["ratio_db"] for row in of_language}, key=lambda r: -(r or 99)):
            of = [row for row in of_language if row["ratio_db"] == ratio]
            name = f"{language} {'clean' if ratio is None else f'{ratio:g} dB'}"
            parts = (of, [row for row in of if held[row["said"]]], [row for row in of if not held[row["said"]]])
            lines.append(f"{name:14}" + "".join(f"{_cell(part):>28}" for part in parts) + f"  {_voices(of)}")
            if language == "zh":
                lines.append(f"{'  by sound':14}" + "".join(f"{_by_sound(part):>28}" for part in parts))
    for language in LANGUAGES:
        pairs = Counter(pair for row in rows if row["spoken_language"] == language for pair in _misheard(row))
        shown = ", ".join(f"{said or '-'} > {heard or '-'} {count}" for (said, heard), count in pairs.most_common(SHOWN))
        if shown:
            lines.append(f"most often misheard, {language}: {shown}")
    lines.append("words: English words or Mandarin characters to change, over those that were said, whatever was heard;")
    lines.append("numbers count as they are said, traditional characters as simplified ones, hesitations not at all;")
    lines.append("by sound: syllables of Mandarin without tones")
    return "\n".join(lines)


def wrong_words(rows: list[dict]) -> tuple[int, int]:
    """Words to change (English), or characters (Mandarin), and how many were said."""
    errors = sum(edit_distance(*_both(row)) for row in rows)
    return errors, sum(len(_both(row)[0]) for row in rows)


def written(text: str, language: str) -> list[str]:
    """Words of English or characters of Mandarin, the same for everything that is said the same."""
    if language == "zh":
        text = words(in_words(_simplified().convert(text.replace("°", "度")))).replace(" ", "")
        return [character for character in text if character not in _HESITATIONS[language]]
    text = text.lower().replace("%", " percent ").replace("°", " degrees ").replace("'", "").replace("’", "")
    text = re.sub(r"\d+(\.\d+)?", lambda number: f" {spoken_number(float(number[0]))} ", text)
    text = f" {words(text)} "
    for one, other in _SAME.items():
        text = text.replace(f" {one} ", f" {other} ")
    return [word for word in text.split() if word not in _HESITATIONS[language]]


@lru_cache(1)
def _simplified():
    import opencc  # only Mandarin figures need it

    return opencc.OpenCC("tw2s")


def _both(row: dict) -> tuple[list[str], list[str]]:
    return written(row["said"], row["spoken_language"]), written(row["text"], row["spoken_language"])


def _cell(rows: list[dict]) -> str:
    errors, said = wrong_words(rows)
    exact = sum(edit_distance(*_both(row)) == 0 for row in rows)
    return f"{errors / max(1, said):.1%} of {len(rows)} ({exact})"


def _by_sound(rows: list[dict]) -> str:
    """Of Mandarin, the share of syllables to change, without tones: phrases are matched by these."""
    from pypinyin import lazy_pinyin

    both = [[lazy_pinyin(text) for text in _both(row)] for row in rows]
    errors = sum(edit_distance(said, heard) for said, heard in both)
    return f"{errors / max(1, sum(len(said) for said, _ in both)):.1%}"


def _voices(rows: list[dict]) -> str:
    shares = []
    for voice in {row["voice"] for row in rows}:
        errors, said = wrong_words([row for row in rows if row["voice"] == voice])
        shares.append((errors / max(1, said), voice))
    (least, best), (most, worst) = min(shares), max(shares)
    return f"{best} {least:.1%}, {worst} {most:.1%}"


def _misheard(row: dict) -> list[tuple[str, str]]:
    """What stands in place of what, a run of words at a time."""
    said, heard = _both(row)
    joint = " " if row["spoken_language"] == "en" else ""
    changes = SequenceMatcher(None, said, heard, autojunk=False).get_opcodes()
    return [(joint.join(said[a:b]), joint.join(heard[c:d])) for kind, a, b, c, d in changes if kind != "equal"]
