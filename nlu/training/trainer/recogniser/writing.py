"""The tokens whisper is to write."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import tiktoken

_ENDOFTEXT, _FIRST_TIMESTAMP = 50257, 50364
_PIECES = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
"""How GPT-2's tokenizer parts a text."""
START, TRANSCRIBE, NO_SPEECH = 50258, 50359, 50362
LANGUAGES = {"en": 50259, "zh": 50260}


@dataclass(frozen=True)
class Written:
    """Tokens as the decoder reads them, and after each the one that should follow; -1 where anything may."""

    tokens: list[int]
    following: list[int]


class Tokens:
    """The vocabulary of the multilingual models; `vocabulary` is the content of `multilingual.tiktoken`."""

    def __init__(self, vocabulary: bytes) -> None:
        lines = (line.split() for line in vocabulary.splitlines() if line.strip())
        ranks = {base64.b64decode(token): int(rank) for token, rank in lines}
        self._encoding = tiktoken.Encoding("whisper", pat_str=_PIECES, mergeable_ranks=ranks, special_tokens={})

    def written(self, text: str, language: str) -> Written:
        """The text, then its end: the recogniser asks for no time behind it. Without text: nobody spoke."""
        words = self._encoding.encode_ordinary(_as_written(text, language)) if text else []
        opening = [START, LANGUAGES[language], TRANSCRIBE, _FIRST_TIMESTAMP]
        begin = LANGUAGES[language] if text else NO_SPEECH
        return Written([*opening, *words], [begin, -1, -1, *words, _ENDOFTEXT])


def _as_written(text: str, language: str) -> str:
    """As whisper puts a sentence down."""
    text = text.strip()
    if language == "zh":
        return text
    question = text.lower().startswith(("is ", "are ", "can ", "could ", "what", "how", "where", "who ", "when "))
    stop = "" if text[-1:] in ".?!" else "?" if question else "."
    return f" {text[:1].upper()}{text[1:]}{stop}"
