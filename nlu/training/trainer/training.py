"""Trains the adapters, and can be stopped and resumed."""

from __future__ import annotations

import itertools
import math
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F

from . import side_by_side
from .encoding import Encoded, Encoder
from .samples import Sample, Sampler
from .transformer import Transformer

SAVE_EVERY_S = 300.0


@dataclass(frozen=True)
class Settings:
    samples: int
    """How many sentences are seen in all."""
    batch: int = 16
    learning_rate: float = 1e-3
    warm_up: float = 0.02
    """Share of the steps in which the learning rate rises."""
    least_rate: float = 0.03
    """What is left of the learning rate at the end."""
    seed: int = 1
    limit_s: float = math.inf
    """Stop after this long, the learning rate falling accordingly."""


class Training:
    """One of `workers` processes that train together; the one at place 0 reports and saves."""

    def __init__(
        self,
        model: Transformer,
        encoder: Encoder,
        sampler: Sampler,
        settings: Settings,
        checkpoint: Path,
        place: int = 0,
        workers: int = 1,
    ) -> None:
        self._place, self._workers = place, workers
        self._model = model
        self._encoder = encoder
        self._sampler = sampler
        self._settings = settings
        self._checkpoint = checkpoint
        self._parameters = list(model.adapters.values())
        self._device = self._parameters[0].device
        self._optimizer = torch.optim.AdamW(
            self._parameters, lr=settings.learning_rate, betas=(0.9, 0.95), weight_decay=0.01
        )
        self._seen = 0
        self._spent_s = 0.0

    def run(self, report=print) -> None:
        """Trains until enough sentences were seen or the time is up."""
        self._resume(report)
        settings = self._settings
        stream = self._batches()
        begun, saved = time.monotonic() - self._spent_s, time.monotonic()
        losses: list[float] = []
        progress = self._progress()
        while progress < 1:
            rate = settings.learning_rate * _schedule(progress, settings)
            for group in self._optimizer.param_groups:
                group["lr"] = rate
            batch = next(stream)
            # Averaged over the processes, so that all of them stop at the same step.
            loss, self._spent_s = self._step(batch[self._place :: self._workers], time.monotonic() - begun)
            losses.append(loss)
            self._seen += len(batch)
            progress = self._progress()
            if self._place > 0:
                continue
            if len(losses) == 50:
                pace = self._seen / self._spent_s
                report(f"{progress:6.1%}  {self._seen} sentences, {pace:.1f}/s, loss {sum(losses) / 50:.4f}")
                losses.clear()
            if time.monotonic() - saved > SAVE_EVERY_S:
                self._save()
                saved = time.monotonic()
        if self._place == 0:
            self._save()

    def _progress(self) -> float:
        return max(self._seen / self._settings.samples, self._spent_s / self._settings.limit_s)

    def _batches(self):
        """Batches of sentences of similar length, from a shuffled stream."""
        settings = self._settings
        samples = itertools.islice(self._sampler.stream(settings.seed), self._seen, None)
        shuffle = torch.Generator().manual_seed(settings.seed + self._seen)
        while True:
            pool = [self._encoder.encode(s) for s in itertools.islice(samples, settings.batch * 32)]
            pool.sort(key=lambda encoded: len(encoded.prompt) + len(encoded.answer))
            for start in torch.randperm(32, generator=shuffle).tolist():
                yield pool[start * settings.batch : (start + 1) * settings.batch]

    def _step(self, batch: list[Encoded], spent_s: float) -> tuple[float, float]:
        """Learns from a batch; returns the means of loss and time spent."""
        ids, scored, targets = (t.to(self._device) for t in together(batch))
        with torch.autocast(self._device.type, dtype=torch.bfloat16):
            logits = self._model(ids, scored)
        loss = F.cross_entropy(logits.float(), targets)
        loss.backward()
        means = side_by_side.average(self._parameters, loss.item(), spent_s)
        torch.nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        return means[0], means[1]

    def _save(self) -> None:
        new = self._checkpoint.with_suffix(".new")
        torch.save(
            {
                "adapters": self._model.adapters.state_dict(),
                "optimizer": self._optimizer.state_dict(),
                "seen": self._seen,
                "spent_s": self._spent_s,
            },
            new,
        )
        new.rename(self._checkpoint)

    def _resume(self, report) -> None:
        if not self._checkpoint.exists():
            return
        state = torch.load(self._checkpoint, map_location=self._device, weights_only=True)
        self._model.adapters.load_state_dict(state["adapters"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._seen, self._spent_s = state["seen"], state["spent_s"]
        report(f"going on from {self._checkpoint} after {self._seen} sentences")


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


def _schedule(progress: float, settings: Settings) -> float:
    rise = min(1.0, (progress + 1e-3) / settings.warm_up)
    fall = 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
    return rise * (settings.least_rate + (1 - settings.least_rate) * fall)
