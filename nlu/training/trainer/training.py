"""Trains the adapters, and can be stopped and resumed."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, Protocol

import torch

from . import side_by_side

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
    limit_s: float = math.inf
    """Stop after this long, the learning rate falling accordingly."""


class Lessons(Protocol):
    """What is learnt, by whom."""

    adapters: torch.nn.ParameterDict

    def batches(self, seen: int) -> Iterator[list[Any]]:
        """Without an end, the same ones in every process; `seen` were learnt before."""

    def loss(self, batch: list[Any]) -> torch.Tensor:
        """What a model that knew everything would bring to nothing."""


class Training:
    """One of `workers` processes that train together; the one at place 0 reports and saves."""

    def __init__(
        self,
        lessons: Lessons,
        settings: Settings,
        checkpoint: Path,
        place: int = 0,
        workers: int = 1,
    ) -> None:
        self._place, self._workers = place, workers
        self._lessons = lessons
        self._settings = settings
        self._checkpoint = checkpoint
        self._parameters = list(lessons.adapters.values())
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
        stream = self._lessons.batches(self._seen)
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

    def _step(self, batch: list[Any], spent_s: float) -> tuple[float, float]:
        """Learns from a batch; returns the means of loss and time spent."""
        loss = self._lessons.loss(batch)
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
                "adapters": self._lessons.adapters.state_dict(),
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
        self._lessons.adapters.load_state_dict(state["adapters"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._seen, self._spent_s = state["seen"], state["spent_s"]
        report(f"going on from {self._checkpoint} after {self._seen} sentences")


def _schedule(progress: float, settings: Settings) -> float:
    rise = min(1.0, (progress + 1e-3) / settings.warm_up)
    fall = 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
    return rise * (settings.least_rate + (1 - settings.least_rate) * fall)
