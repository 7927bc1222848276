"""From corpus and base to an adapter file."""

from __future__ import annotations

import argparse
import itertools
import os
from pathlib import Path

import numpy as np
import torch
from builder import adapter as adapters
from builder import recipe as recipes
from builder.gguf_onnx import Weights, unpermute

from . import base, hard_lines, side_by_side
from .catalog import Catalog
from .corpus import SLOT, Corpus, name_held_out
from .encoding import Encoder
from .errors import TrainingError
from .follow_ups import FollowUp
from .public_text import unrelated
from .samples import Sampler
from .sentences import Sentences, exact
from .training import Settings, Training
from .transformer import Transformer, adapter_of
from .values import Lexicons
from .vocabulary import kept_tokens

SENTENCES_FOR_VOCABULARY = 40_000


def train(arguments: argparse.Namespace, catalog: Catalog, corpus: Corpus, follow_ups: list[FollowUp]) -> None:
    """Trains on the corpus and writes the adapter."""
    arguments.work.mkdir(parents=True, exist_ok=True)
    base.fetch(arguments.recipes, arguments.pack, arguments.work.parent / "downloads", arguments.work)
    workers = 1 if torch.cuda.is_available() else len(os.sched_getaffinity(0))
    side_by_side.run(workers, _train_one, (arguments, catalog, corpus, follow_ups))


def _train_one(place: int, workers: int, arguments: argparse.Namespace, catalog: Catalog, corpus: Corpus, follow_ups: list[FollowUp]) -> None:
    report = _say if place == 0 else lambda line: None
    lexicons = Lexicons(arguments.corpus / "lexicons", name_held_out)
    aside = unrelated(arguments.public, training=True)
    recipe = recipes.read(arguments.recipes)[arguments.pack]
    hard = hard_lines.read(arguments.hard, corpus.lines) if arguments.hard else frozenset()
    sampler = Sampler(catalog, corpus, follow_ups, lexicons, "train", aside, recipe.languages, hard)

    downloads = arguments.work.parent / "downloads"
    weights = Weights(base.fetch(arguments.recipes, arguments.pack, downloads, arguments.work))
    kept = None
    if weights.field("tokenizer.ggml.model") == "llama":  # SentencePiece: Gemma's large vocabulary
        texts = _texts(corpus, follow_ups, lexicons, sampler, arguments.seed)
        kept = kept_tokens(weights.fields, base.tokenizer(weights.fields), texts)
        report(f"{len(kept)} of {len(weights.fields['tokenizer.ggml.tokens'])} tokens are kept")
        weights = base.cut(weights, kept)
    encoder = Encoder(base.tokenizer(weights.fields), recipe.section["prompt"], recipe.section["end_of_call"])

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    generator = torch.Generator().manual_seed(arguments.seed)
    model = Transformer(weights, arguments.rank, generator)
    if arguments.start is not None:
        _start_from(model, arguments.start)
    model = model.to_precision(torch.bfloat16, device)
    settings = Settings(arguments.samples, arguments.batch, arguments.rate, limit_s=arguments.minutes * 60)
    checkpoint = arguments.work / f"{arguments.pack}.checkpoint"
    sentences = Sentences(model, encoder, sampler, arguments.batch, arguments.seed)
    Training(sentences, settings, checkpoint, place, workers).run(report)
    if place > 0:
        return
    if arguments.start is not None:
        _mix_with(model, arguments.start, arguments.share)
    _write(model, kept, sampler.commands(), arguments.out)
    held_out = Sampler(catalog, corpus, follow_ups, lexicons, "validation", {}, recipe.languages)
    held_out = held_out.evaluation(arguments.seed, joined=100)
    for line in _summary(held_out, exact(model, encoder, held_out)):
        report(line)


def _say(line: str) -> None:
    print(line, flush=True)


def _texts(corpus: Corpus, follow_ups: list[FollowUp], lexicons: Lexicons, sampler: Sampler, seed: int):
    """Everything whose tokens must stay: held-out words too, for the car will hear such words."""
    for line in corpus.lines:
        text = SLOT.sub("", line.text)
        yield from (f" {text}", f" {text[:1].upper()}{text[1:]}")
    for sentence in corpus.several + corpus.heard:
        yield f" {sentence.text}"
    for line in follow_ups:
        yield f" {SLOT.sub('', line.text)}"
    for name in lexicons.all_names():
        yield from (f" {name}", f'"{name}"', f" {name.title()}")
    for sample in itertools.islice(sampler.stream(seed), SENTENCES_FOR_VOCABULARY):
        yield from (f" {sample.text}", sample.answer, f" {sample.context}")


def _start_from(model: Transformer, path: Path) -> None:
    """Goes on from an adapter that was trained before on the same base."""
    _mix_with(model, path, share=0.0)


def _mix_with(model: Transformer, path: Path, share: float) -> None:
    """Makes every weight the mean of its own, which counts `share`, and that of an adapter on the same base.

    Between the adapter that training began with and the one it ended with lies one that understands more sentences it
    never saw than either (Wortsman et al., Model soups, 2022).
    """
    arrays = adapters.read(path)
    for name in model.linear_names():
        if f"{name}/up" not in arrays:
            raise TrainingError(f"{path}: does not change {name}; it was trained on another base")
        up, heads = arrays[f"{name}/up"], model.heads_of(name)
        found = arrays[f"{name}/down"], unpermute(up, heads) if heads else up
        for parameter, array in zip(adapter_of(model, name), found):
            if parameter.shape != array.shape:
                raise TrainingError(f"{path}: {name} has the shape {array.shape}, not {tuple(parameter.shape)}")
            parameter.data.lerp_(torch.from_numpy(array.astype(np.float32)).to(parameter.device), 1 - share)


def _write(model: Transformer, kept: list[int] | None, commands: list[str], out: Path) -> None:
    arrays = {"commands": np.array(commands)}
    for name in model.linear_names():
        down, up = (part.detach().cpu().numpy() for part in adapter_of(model, name))
        heads = model.heads_of(name)
        arrays[f"{name}/down"] = down.astype(np.float16)
        arrays[f"{name}/up"] = (_interleaved(up, heads) if heads else up).astype(np.float16)
    if kept is not None:
        arrays["kept_tokens"] = np.array(kept, np.int32)
    out.parent.mkdir(parents=True, exist_ok=True)
    with open(out, "wb") as file:
        np.savez(file, **arrays)
    _say(f"wrote {out} ({out.stat().st_size / 1e6:.1f} MB)")


def _interleaved(rows: np.ndarray, heads: int) -> np.ndarray:
    """The order that `unpermute` of the pack builder undoes."""
    count, width = rows.shape
    halves = rows.reshape(heads, 2, count // heads // 2, width)
    return halves.swapaxes(1, 2).reshape(count, width)


def _summary(samples, right):
    groups: dict[tuple[str, str], list[bool]] = {}
    for sample, hit in zip(samples, right):
        groups.setdefault((sample.language, sample.kind), []).append(hit)
    for (language, kind), hits in sorted(groups.items()):
        yield f"validation {language} {kind:10} {sum(hits)}/{len(hits)} exact"
