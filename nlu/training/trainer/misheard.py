"""Which misheard sentences the model can learn from, and what they mean.

A sentence is kept with its meaning when a person could still understand it:

- it sounds like what was said: distance at most `CLEAR`, and of no word as few
  sounds as `LOST` were heard, so that no argument is missing;
- it holds the same numbers, and no word of a pair of opposites that was not said;
- its free text stands between the words that stood around it: the model quotes
  what was heard;
- the patterns, where they find something in it, find what was meant.

What sounds like nothing that was said (above `RUBBISH`), and like nothing that
the patterns know, means nothing. Whatever lies between is left out, and so is
what happens to be a sentence kept for testing.
"""

from __future__ import annotations

import re

from .catalog import Catalog, answer
from .hearing import Heard
from .likeness import Sounds, in_words, likeness, words
from .samples import Sample
from .values import spoken_number

CLEAR = 0.30
RUBBISH = 0.60
LOST = 0.5

_UNFIT = re.compile("^[#\\[]|=>|\ufffd")
"""What a corpus line cannot hold, and half characters."""

_OPPOSITES = {
    "en": (
        "on off up down open opened close closed shut left right front back rear lock unlock more less not don't no "
        "never stop start warm warmer cool cooler hot cold high low higher lower bright brighter dim dimmer loud quiet "
        "fold unfold driver passenger play pause next previous"
    ).split(),
    "zh": list("开关左右前后升降高低大小别不没亮暗热冷锁解停播快慢"),
}
_NUMBER_WORDS = set(
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred half point quarter".split()
)
_NUMBER_CHARACTERS = set("零二两三四五六七八九十百半")


def line(sample: Sample, heard: Heard, catalog: Catalog, sounds: Sounds, held_out: set[str]) -> str | None:
    """`what was heard => calls` as the corpus writes it; None where nothing can be learnt."""
    text = heard.text
    if not text or heard.language != sample.language or _UNFIT.search(text):
        return None
    if _within(text) == _within(sample.text) or words(text) in held_out:
        return None
    like = likeness(sounds(sample.text), sounds(text))
    if not sample.calls or like.distance > RUBBISH:
        return None if heard.commands else f"{text} => none"
    if like.distance > CLEAR or like.weakest_word <= LOST:
        return None
    calls = _quoted(answer(list(sample.calls)).strip(), sample, text)
    if calls is None or not _same_values(sample, text):
        return None
    if heard.commands and not _means(sample, heard, catalog):
        return None
    return f"{text} => {calls}"


def _within(text: str) -> str:
    """Without what the recogniser always writes: a capital letter, a stop at the end."""
    return text.lower().strip(" .?!,。？！，")


def _quoted(calls: str, sample: Sample, heard: str) -> str | None:
    """The calls with their free text as it was heard; None where it cannot be found."""
    for call in sample.calls:
        for name, value in call.arguments:
            if not value.startswith('"'):
                continue
            before, _, after = sample.text.partition(value.strip('"'))
            pattern = _spelled(before) + r"\W*(.+?)\W*" + _spelled(after)
            found = re.fullmatch(pattern, heard, re.IGNORECASE)
            if found is None or any(sign in found[1] for sign in '",;()'):
                return None
            calls = calls.replace(value, f'"{found[1]}"')
    return calls


def _spelled(text: str) -> str:
    """A pattern for the words of a text, whatever stands between them."""
    return r"\W*" + r"\W*".join(re.escape(word) for word in re.findall(r"\w+", text)) + r"\W*"


def _same_values(sample: Sample, heard: str) -> bool:
    if any(value.startswith('"') for call in sample.calls for _, value in call.arguments):
        return True  # the words around it are the same, and it may hold any number
    said, heard = (_countable(text, sample.language) for text in (sample.text, heard))
    opposites = _OPPOSITES[sample.language]
    added = [word for word in opposites if word in heard and word not in said]
    return _numbers(said) == _numbers(heard) and not added


def _countable(text: str, language: str) -> list[str]:
    """Words of English, characters of Mandarin, numbers written out."""
    if language == "zh":
        return list(in_words(text).replace("两", "二").replace("点五", "半"))
    text = re.sub(r"\d+(\.\d+)?", lambda digits: f" {spoken_number(float(digits[0]))} ", text.lower())
    return re.findall(r"[a-z']+", text.replace("point five", "half"))


def _numbers(parts: list[str]) -> list[str]:
    return [part for part in parts if part in _NUMBER_WORDS or part in _NUMBER_CHARACTERS]


def _means(sample: Sample, heard: Heard, catalog: Catalog) -> bool:
    meant = [(call.command, catalog.completed(call).arguments) for call in sample.calls]
    return [_but_text(call, catalog) for call in meant] == [_but_text(call, catalog) for call in heard.commands]


def _but_text(call: tuple[str, tuple[tuple[str, str], ...]], catalog: Catalog) -> tuple[str, dict[str, str]]:
    """Without free text: what the patterns quote of it was heard."""
    name, arguments = call
    kinds = catalog.commands[name].arguments
    return name, {argument: value for argument, value in arguments if kinds[argument].kind != "text"}
