"""How the values of arguments are said."""

from __future__ import annotations

import random
import tomllib
from pathlib import Path

from .catalog import Argument, number_text
from .errors import TrainingError

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
_TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()
_DIGITS = "零一二三四五六七八九"


class Lexicons:
    """The words for zones and text arguments; a fifth of the names is kept for testing."""

    def __init__(self, folder: Path, held_out: callable) -> None:
        self._zones = {
            language: tomllib.loads((folder / f"zone.{language}.toml").read_text(encoding="utf-8"))
            for language in ("en", "zh")
        }
        self._names: dict[tuple[str, str, bool], list[str]] = {}
        for path in sorted(folder.glob("*.txt")):
            argument, language = path.name.split(".")[:2]
            for name in path.read_text(encoding="utf-8").splitlines():
                if name.strip() and not name.startswith("#"):
                    self._names.setdefault((argument, language, held_out(name)), []).append(name.strip())

    def all_names(self) -> list[str]:
        return [name for names in self._names.values() for name in names]

    def zone(self, name: str, form: str, language: str, rng: random.Random) -> str:
        return rng.choice(self._zones[language][form if language == "en" else "noun"][name])

    def name(self, argument: str, language: str, testing: bool, rng: random.Random) -> str:
        names = self._names.get((argument, language, testing))
        if not names:
            raise TrainingError(f"lexicons/{argument}.{language}.txt is missing or too short; add names")
        return rng.choice(names)


def say(
    argument: Argument, form: str, language: str, testing: bool, lexicons: Lexicons, rng: random.Random
) -> tuple[str, str]:
    """Something a person may say for an argument, and the value it stands for."""
    if argument.kind == "zone":
        zone = rng.choice(argument.allowed)
        return lexicons.zone(zone, form or "noun", language, rng), zone
    if argument.kind == "choice":
        choice = rng.choice(argument.allowed)
        return rng.choice(argument.words[choice][language]), choice
    if argument.kind == "text":
        name = lexicons.name(argument.name, language, testing, rng)
        return name, name
    if argument.kind == "number":
        if form == "fahrenheit":
            fahrenheit = rng.randint(61, 86)
            celsius = round((fahrenheit - 32) / 1.8 / argument.step) * argument.step
            return _spoken(float(fahrenheit), language, rng), number_text(celsius)
        value = _number(argument, rng)
        return _spoken(value, language, rng), number_text(value)
    raise TrainingError(f"{argument.name}: a {argument.kind} cannot be said; fix it with => {argument.name}=")


def _number(argument: Argument, rng: random.Random) -> float:
    steps = int((argument.maximum - argument.minimum) / argument.step + 1e-6)
    if steps > 50 and rng.random() < 0.8:  # people say round numbers
        round_ones = [v for v in range(0, 1000, 5) if argument.minimum <= v <= argument.maximum]
        return float(rng.choice(round_ones))
    value = argument.minimum + rng.randint(0, steps) * argument.step
    if value % 1 and rng.random() < 0.5:  # and whole ones
        value = float(int(value)) if int(value) >= argument.minimum else value
    return value


def _spoken(value: float, language: str, rng: random.Random) -> str:
    if rng.random() < 0.5:
        return number_text(value)
    return _english(value, rng) if language == "en" else _mandarin(value)


def spoken_number(value: float) -> str:
    """A number below a thousand in English words, always the same ones."""
    if value >= 1000:
        return number_text(value)
    hundreds, rest = divmod(value, 100)
    words = [f"{_ONES[int(hundreds)]} hundred"] if hundreds else []
    if rest or not words:
        words.append(_english(rest, random.Random(1)))
    return " ".join(words)


def _english(value: float, rng: random.Random) -> str:
    whole, half = int(value), value % 1 == 0.5
    if whole >= 100:
        words = "a hundred" if rng.random() < 0.5 else "one hundred"
        if whole > 100:
            words += f" and {_english(whole - 100, rng)}"
    elif whole < 20:
        words = _ONES[whole]
    else:
        words = _TENS[whole // 10] + (f" {_ONES[whole % 10]}" if whole % 10 else "")
    if half:
        words = ("half a" if whole == 0 else f"{words} and a half") if rng.random() < 0.5 else f"{words} point five"
    return words


def _mandarin(value: float) -> str:
    whole = int(value)
    if whole >= 100:
        words = "一百" + (f"零{_mandarin(whole - 100)}" if 0 < whole - 100 < 10 else "")
        if whole >= 110:
            words = "一百" + _mandarin(whole - 100)
    elif whole < 10:
        words = _DIGITS[whole]
    else:
        tens = "" if whole // 10 == 1 else _DIGITS[whole // 10]
        words = f"{tens}十" + (_DIGITS[whole % 10] if whole % 10 else "")
    return words + ("点五" if value % 1 == 0.5 else "")
