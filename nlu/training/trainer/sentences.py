"""Lessons of the language model: sentences of the corpus, and how many it answers rightly."""

from __future__ import annotations

import itertools
from typing import Iterator

import torch
import torch.nn.functional as F

from .encoding import Encoded, Encoder
from .samples import Sample, Sampler
from .transformer import Transformer

POOL = 32
"""Batches that are made at once, to put sentences of like length together."""


class Sentences:
    """A model and the sentences it learns from; a seed gives the same ones."""

    def __init__(self, model: Transformer, encoder: Encoder, sampler: Sampler, batch: int, seed: int) -> None:
        self.adapters = model.adapters
        self._model, self._encoder, self._sampler = model, encoder, sampler
        self._batch, self._seed = batch, seed
        self._device = next(iter(model.adapters.values())).device

    def batches(self, seen: int) -> Iterator[list[Encoded]]:
        """Of sentences of similar length, from a shuffled stream."""
        samples = itertools.islice(self._sampler.stream(self._seed), seen, None)
        shuffle = torch.Generator().manual_seed(self._seed + seen)
        while True:
            pool = [self._encoder.encode(s) for s in itertools.islice(samples, self._batch * POOL)]
            pool.sort(key=lambda encoded: len(encoded.prompt) + len(encoded.answer))
            for place in torch.randperm(POOL, generator=shuffle).tolist():
                yield pool[place * self._batch : (place + 1) * self._batch]

    def loss(self, batch: list[Encoded]) -> torch.Tensor:
        ids, scored, targets = (t.to(self._device) for t in together(batch))
        with torch.autocast(self._device.type, dtype=torch.bfloat16):
            logits = self._model(ids, scored)
        return F.cross_entropy(logits.float(), targets)


def together(batch: list[Encoded]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(ids [batch, length], where the next token is scored, the tokens that are right there)."""
    length = max(len(e.prompt) + len(e.answer) for e in batch) - 1
    ids = torch.zeros(len(batch), length, dtype=torch.long)
    scored = torch.zeros(len(batch), length, dtype=torch.bool)
    targets: list[int] = []
    for row, encoded in enumerate(batch):
        tokens = encoded.prompt + encoded.answer
        ids[row, : len(tokens) - 1] = torch.tensor(tokens[:-1])
        scored[row, len(encoded.prompt) - 1 : len(tokens) - 1] = True
        targets += encoded.answer
    return ids, scored, torch.tensor(targets)


def exact(model: Transformer, encoder: Encoder, samples: list[Sample], batch: int = 32) -> list[bool]:
    """Whether each answer, written freely without a grammar, would be right to the last token."""
    device = next(iter(model.adapters.values())).device
    encoded = [encoder.encode(sample) for sample in samples]
    right: list[bool] = []
    with torch.no_grad(), torch.autocast(device.type, dtype=torch.bfloat16):
        for start in range(0, len(encoded), batch):
            part = encoded[start : start + batch]
            ids, scored, targets = (t.to(device) for t in together(part))
            hits = (model(ids, scored).argmax(-1) == targets).tolist()
            place = 0
            for e in part:
                right.append(all(hits[place : place + len(e.answer)]))
                place += len(e.answer)
    return right
