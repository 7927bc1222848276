"""Which lines of the corpus cannot be told from all others: those a language model has to learn from the lines themselves.

The command prior's kind of classifier is trained without a part of the lines and asked about that part, for every part
in turn. What it is sure of and right about, a language model that has learnt the rest knows too.
"""

from __future__ import annotations

import argparse
import hashlib
import json

import numpy as np
import torch

from .catalog import Catalog
from .corpus import Corpus, Line, name_held_out
from .dealing import Dealer
from .follow_ups import FollowUp
from .hard_lines import key
from .prior import NOTHING, Classifier, bags_of, epochs, targets_of
from .samples import Sampler
from .values import Lexicons

PARTS = 5
DRAWS = 3
"""Sentences that are learnt from a line; its slots are filled anew in each."""


def find(arguments: argparse.Namespace, catalog: Catalog, corpus: Corpus, follow_ups: list[FollowUp]) -> None:
    """Writes the lines of the training split whose command is found less probable than `arguments.below`."""
    torch.manual_seed(arguments.seed)
    lexicons = Lexicons(arguments.corpus / "lexicons", name_held_out)
    sampler = Sampler(catalog, corpus, follow_ups, lexicons, "train", {})
    lines = [line for line in corpus.lines if line.split == "train"]
    dealer = Dealer(arguments.seed)
    samples = [sampler.single(line, dealer) for line in lines for _ in range(DRAWS)]
    labels = [NOTHING, *sorted(catalog.commands)]
    bags, targets = bags_of(arguments, samples), targets_of(samples, labels)
    parts = np.repeat([_part(line) for line in lines], DRAWS)
    right = np.zeros(len(samples))
    for part in range(PARTS):
        model = Classifier(arguments.buckets, arguments.width, len(labels))
        for _ in epochs(model, bags, targets, arguments, np.flatnonzero(parts != part)):
            pass
        asked = np.flatnonzero(parts == part)
        with torch.no_grad():
            features, starts = bags.of(asked)
            found = model(features, starts, np.ones(len(features), bool)).exp().numpy()
        right[asked] = [found[row, targets[sentence]].sum() for row, sentence in enumerate(asked)]
        print(f"{part + 1} of {PARTS}: {np.mean(right[asked] < arguments.below):.1%} hard", flush=True)
    hard = [line for line, of in zip(lines, right.reshape(-1, DRAWS).mean(1)) if of < arguments.below]
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text("".join(f"{json.dumps(key(line), ensure_ascii=False)}\n" for line in hard), encoding="utf-8")
    print(f"wrote {arguments.out}: {len(hard)} of {len(lines)} lines")


def _part(line: Line) -> int:
    return int(hashlib.sha256(f"part {line.text}".encode()).hexdigest()[:8], 16) % PARTS
