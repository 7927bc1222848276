"""Says one of the sentences that a phrase template of an intent pack stands for.

The template language is described in `catalog/src/template.rs`: `(a | b)` is a
choice, `[a | b]` an optional one, `{slot}` an argument.
"""

from __future__ import annotations

import random


def sentence(template: str, language: str, rng: random.Random) -> str:
    """One random sentence, its slots left as they are."""
    text, rest = _sequence(template, rng)
    if rest:
        raise ValueError(f'"{template}": a bracket too many')
    return " ".join(text.split()) if language == "en" else "".join(text.split())


def _sequence(text: str, rng: random.Random) -> tuple[str, str]:
    """Reads alternatives up to a closing bracket; returns one of them and what follows."""
    alternatives = [""]
    while text:
        character, text = text[0], text[1:]
        if character in ")]":
            return rng.choice(alternatives), character + text
        if character == "|":
            alternatives.append("")
        elif character in "([":
            inner, text = _sequence(text, rng)
            text = text[1:]
            alternatives[-1] += inner if character == "(" or rng.random() < 0.4 else ""
        else:
            alternatives[-1] += character
    return rng.choice(alternatives), ""
