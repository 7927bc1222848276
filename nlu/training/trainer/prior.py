"""Trains the command prior: a linear classifier of sentences that has a say in which commands the model names.

Bag of words and their neighbours, hashed into buckets; a row of numbers a bucket, their mean, one linear layer (Joulin
et al., Bag of Tricks for Efficient Text Classification, 2016). What a sentence's features are is Rust's affair
(`nlu/src/model/prior/features.rs`); a program tells them.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file

from .catalog import Catalog
from .corpus import Corpus, name_held_out
from .dealing import Dealer
from .errors import TrainingError
from .follow_ups import FollowUp
from .public_text import unrelated
from .samples import Sample, Sampler
from .values import Lexicons

NOTHING = "none"
BATCH = 512
LEAST_RATE = 0.001
"""What is left of the learning rate at the end."""
STEPS = 127
"""Of a row in 8 bits, on either side of nothing."""


@dataclass(frozen=True)
class Bags:
    """The features of sentences, one after the other."""

    features: np.ndarray
    ends: np.ndarray
    """Where each sentence's features end; begins with a nought."""

    def __len__(self) -> int:
        return len(self.ends) - 1

    def of(self, sentences: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(features, where each sentence's begin) of some sentences."""
        parts = [self.features[self.ends[i] : self.ends[i + 1]] for i in sentences]
        starts = np.cumsum([0, *(len(part) for part in parts[:-1])])
        return np.concatenate(parts), starts


class Classifier(torch.nn.Module):
    """Mean of the features' rows, then a linear layer."""

    def __init__(self, buckets: int, width: int, labels: int) -> None:
        super().__init__()
        self.rows = torch.nn.EmbeddingBag(buckets, width, mode="sum", sparse=True)
        torch.nn.init.normal_(self.rows.weight, 0, 0.3 / math.sqrt(width))
        self.output = torch.nn.Linear(width, labels)

    def forward(self, features: np.ndarray, starts: np.ndarray, kept: np.ndarray) -> torch.Tensor:
        """Log probabilities [sentences, labels] by the features that are `kept`."""
        counts = np.add.reduceat(kept, starts).clip(1)
        tensors = (torch.from_numpy(a.astype(np.int64)) for a in (features, starts))
        sums = self.rows(*tensors, per_sample_weights=torch.from_numpy(kept.astype(np.float32)))
        return F.log_softmax(self.output(sums / torch.from_numpy(counts.astype(np.float32))[:, None]), -1)


def train(arguments: argparse.Namespace, catalog: Catalog, corpus: Corpus, follow_ups: list[FollowUp]) -> None:
    """Trains on the corpus and writes the classifier."""
    torch.manual_seed(arguments.seed)
    lexicons = Lexicons(arguments.corpus / "lexicons", name_held_out)
    labels = [NOTHING, *sorted(catalog.commands)]

    def sampler(split: str, aside: dict) -> Sampler:
        return Sampler(catalog, corpus, follow_ups, lexicons, split, aside)

    learnt = sampler("train", unrelated(arguments.public, training=True))
    samples = [
        *itertools.islice(learnt.stream(arguments.seed), arguments.samples),
        *learnt.every_command(Dealer(arguments.seed)),
    ]
    held_out = sampler("validation", {}).evaluation(arguments.seed, joined=100)
    bags, held_out_bags = (bags_of(arguments, of) for of in (samples, held_out))
    model = Classifier(arguments.buckets, arguments.width, len(labels))
    targets = targets_of(samples, labels)
    for epoch, loss in enumerate(epochs(model, bags, targets, arguments, np.arange(len(bags))), 1):
        print(f"{epoch} of {arguments.epochs}: loss {loss:.4f}", flush=True)
    _write(model, labels, arguments.out)
    for line in _summary(model, held_out, held_out_bags, labels):
        print(line)


def bags_of(arguments: argparse.Namespace, samples: list[Sample]) -> Bags:
    command = [*shlex.split(arguments.features), str(arguments.buckets)]
    texts = "".join(f"{' '.join(sample.text.split())}\n" for sample in samples)
    told = subprocess.run(command, input=texts, stdout=subprocess.PIPE, encoding="utf-8", check=False)
    lines = told.stdout.splitlines()
    if told.returncode != 0 or len(lines) != len(samples):
        raise TrainingError(f"{arguments.features}: told the features of {len(lines)} of {len(samples)} sentences")
    found = [np.array(json.loads(line), np.int32) for line in lines]
    return Bags(np.concatenate(found), np.cumsum([0, *map(len, found)]))


def targets_of(samples: list[Sample], labels: list[str]) -> list[list[int]]:
    """The labels of every sentence; those of several commands share its probability."""
    places = {label: place for place, label in enumerate(labels)}
    return [[places[name] for name in dict.fromkeys(call.command for call in s.calls)] or [places[NOTHING]] for s in samples]


def epochs(
    model: Classifier, bags: Bags, targets: list[list[int]], arguments: argparse.Namespace, learnt: np.ndarray
) -> Iterator[float]:
    """Learns every sentence of `learnt` once a round; yields the mean loss of each."""
    random = np.random.default_rng(arguments.seed)
    optimizers = (
        torch.optim.SparseAdam(model.rows.parameters(), lr=arguments.rate),
        torch.optim.AdamW(model.output.parameters(), lr=arguments.rate, weight_decay=0),
    )
    steps = len(learnt) // BATCH
    for epoch in range(arguments.epochs):
        order, total = random.permutation(learnt), 0.0
        for step in range(steps):
            rate = arguments.rate * max(LEAST_RATE, 1 - (epoch * steps + step) / (arguments.epochs * steps))
            sentences = order[step * BATCH : (step + 1) * BATCH]
            features, starts = bags.of(sentences)
            # A word that is missing now and then leaves no sentence to a single word.
            kept = random.random(len(features)) >= arguments.dropout
            wanted = torch.zeros(BATCH, model.output.out_features)
            for row, sentence in enumerate(sentences):
                wanted[row, targets[sentence]] = 1 / len(targets[sentence])
            loss = -(wanted * model(features, starts, kept)).sum(-1).mean()
            for optimizer in optimizers:
                optimizer.param_groups[0]["lr"] = rate
                optimizer.zero_grad()
            loss.backward()
            for optimizer in optimizers:
                optimizer.step()
            total += loss.item()
        yield total / steps


def _write(model: Classifier, labels: list[str], out: Path) -> None:
    rows = model.rows.weight.detach().numpy()
    steps = np.maximum(np.abs(rows).max(1), 1e-9) / STEPS
    tensors = {
        "rows": np.rint(rows / steps[:, None]).astype(np.int8),
        "steps": steps.astype(np.float32),
        "output": model.output.weight.detach().numpy(),
        "bias": model.output.bias.detach().numpy(),
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, out, {"labels": "\n".join(labels)})
    print(f"wrote {out} ({out.stat().st_size / 1e6:.1f} MB)")


def _summary(model: Classifier, held_out: list[Sample], bags: Bags, labels: list[str]) -> Iterator[str]:
    features, starts = bags.of(np.arange(len(bags)))
    with torch.no_grad():
        likeliest = model(features, starts, np.ones(len(features), bool)).argmax(-1).tolist()
    hits: dict[tuple[str, str], list[bool]] = {}
    for sample, place, right in zip(held_out, likeliest, targets_of(held_out, labels)):
        kind = "indirect" if sample.indirect else sample.kind
        hits.setdefault((sample.language, kind), []).append(place in right)
    yield "validation sentences in which the likeliest command is one that was asked for"
    for (language, kind), of in sorted(hits.items()):
        yield f"{language} {kind:10}{sum(of):6} of {len(of):5} {sum(of) / len(of):6.1%}"
