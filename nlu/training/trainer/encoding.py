"""Sentences in tokens, piece by piece as `nlu/src/model/prompt.rs` encodes them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tokenizers import Tokenizer

from .errors import TrainingError
from .samples import Sample

_PLACE = re.compile(r"( ?)\{(utterance|context)\}")


@dataclass(frozen=True)
class Encoded:
    prompt: list[int]
    answer: list[int]


class Encoder:
    """The prompt template of the model pack, and its tokenizer."""

    def __init__(self, tokenizer: Tokenizer, prompt: str, end_of_call: str) -> None:
        self._tokenizer = tokenizer
        self._pieces: list[tuple[str, str] | list[int]] = []
        place = 0
        for match in _PLACE.finditer(prompt):
            self._pieces.append(self._ids(prompt[place : match.start()]))
            self._pieces.append((match[2], match[1]))
            place = match.end()
        self._pieces.append(self._ids(prompt[place:]))
        self._end = self._ids(end_of_call)
        if len(self._end) != 1:
            raise TrainingError(f"end_of_call {end_of_call!r} is {len(self._end)} tokens; choose one that is one")

    def encode(self, sample: Sample) -> Encoded:
        texts = {"utterance": sample.text, "context": sample.context}
        prompt: list[int] = []
        for piece in self._pieces:
            prompt += self._ids(piece[1] + texts[piece[0]]) if isinstance(piece, tuple) else piece
        return Encoded(prompt, self._ids(sample.answer) + self._end)

    def _ids(self, text: str) -> list[int]:
        return self._tokenizer.encode(text, add_special_tokens=False).ids
