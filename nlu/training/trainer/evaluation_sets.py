"""Writes held-out sentences with their answers, one JSON object a line, for the evaluator."""

from __future__ import annotations

import argparse
import json
import random

from .catalog import Catalog, answer
from .corpus import Corpus, name_held_out
from .follow_ups import FollowUp
from .needs import Need
from .public_text import unrelated
from .samples import Sample, Sampler
from .values import Lexicons

JOINED_SENTENCES = 150
UNRELATED_OF_A_SET = 400
SEED = 20261124


def write(
    arguments: argparse.Namespace, catalog: Catalog, corpus: Corpus, follow_ups: list[FollowUp], needs: list[Need]
) -> None:
    """Every held-out line once, or a sample; the list of needs where it is asked for; the unrelated public sentences
    where they are at hand."""
    lexicons = Lexicons(arguments.corpus / "lexicons", name_held_out)
    sampler = Sampler(catalog, corpus, follow_ups, lexicons, arguments.split, {}, tuple(arguments.languages))
    samples = sampler.evaluation(SEED, JOINED_SENTENCES)
    if arguments.sample is not None:
        samples = _sample(samples, arguments.languages, arguments.sample)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    with open(arguments.out, "w", encoding="utf-8") as out:
        for sample in samples:
            row = {
                "text": sample.text,
                "language": sample.language,
                "kind": "indirect" if sample.indirect else sample.kind,
                "before": sample.context,
                "expected": sample.answer.strip(),
            }
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
        for row in _needs(needs, arguments.languages) if arguments.needs else ():
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
        for language, sets in unrelated(arguments.public, training=False).items():
            if language not in arguments.languages:
                continue
            for texts in sets:
                for text in texts[:: max(1, len(texts) // UNRELATED_OF_A_SET)]:
                    row = {"text": text, "language": language, "kind": "unrelated", "before": "", "expected": "none"}
                    out.write(json.dumps(row, ensure_ascii=False) + "\n")
    print(f"wrote {arguments.out}")


def _needs(needs: list[Need], languages: list[str]) -> list[dict]:
    rows = []
    for need in needs:
        if need.language in languages:
            best, *others = (answer(list(calls)).strip() for calls in need.accepted)
            rows.append({"text": need.text, "language": need.language, "kind": "need", "before": "",
                         "expected": best, "accepted": others})  # fmt: skip
    return rows


def _sample(samples: list[Sample], languages: list[str], count: int) -> list[Sample]:
    """`count` of each language, in turn: the beginning of the list, too, holds as many of each."""
    drawn = []
    for language in languages:
        of = [sample for sample in samples if sample.language == language]
        drawn.append(random.Random(SEED).sample(of, min(count, len(of))))
    return [sample for together in zip(*drawn) for sample in together]
