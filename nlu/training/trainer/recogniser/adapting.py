"""From recordings and base to an adapter of the recogniser."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import numpy as np
import torch
from builder import ctranslate2, whisper_ggml
from builder import recipe as recipes
from builder.archive import Archives
from builder.fetch import Downloads
from builder.lock import exclusive
from builder.progress import Progress

from .. import side_by_side
from ..cabin import Noises
from ..errors import TrainingError
from ..training import Settings, Training
from .lessons import Recordings
from .material import read
from .model import Adapted, Whisper, adapter_of
from .writing import Tokens


def train(arguments: argparse.Namespace) -> None:
    """Trains on the recordings and writes the adapter."""
    arguments.work.mkdir(parents=True, exist_ok=True)
    workers = 1 if torch.cuda.is_available() else len(os.sched_getaffinity(0))
    side_by_side.run(workers, _train_one, (arguments,))


def _train_one(place: int, workers: int, arguments: argparse.Namespace) -> None:
    weights, filters, tokens = base(arguments.recipes, arguments.pack, arguments.work.parent / "downloads")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    adapted = Adapted(arguments.encoder_layers, arguments.decoder_layers)
    model = Whisper(weights, arguments.rank, adapted, torch.Generator().manual_seed(arguments.seed))
    model = model.to_precision(torch.bfloat16, device)
    noises = Noises(arguments.noise)
    spoken = read(arguments.sounds)
    lessons = Recordings(model, tokens, filters, arguments.sounds, spoken, noises, arguments.batch, arguments.seed)
    settings = Settings(arguments.samples, arguments.batch, arguments.rate, limit_s=arguments.minutes * 60)
    report = _say if place == 0 else lambda line: None
    Training(lessons, settings, arguments.work / f"{arguments.pack}.checkpoint", place, workers).run(report)
    if place == 0:
        _write(model, arguments.share, arguments.out)


def base(recipe_file: Path, pack: str, downloads: Path) -> tuple[ctranslate2.Model, np.ndarray, Tokens]:
    """Weights, mel filters and vocabulary, as the pack builder fetches them."""
    recipe = recipes.read(recipe_file).get(pack)
    if recipe is None or "model_parts" not in recipe.conversion:
        raise TrainingError(f"{recipe_file}: has no recogniser {pack} that is made from CTranslate2")
    options, progress = recipe.conversion, Progress(sys.stderr)
    with exclusive(downloads, progress):
        store = Downloads(downloads, progress)
        archives = Archives([store.fetch(source) for source in recipe.sources])
    weights = ctranslate2.read(b"".join(archives.read(part) for part in options["model_parts"]))
    vocabulary = archives.read(options["vocabulary"])
    with archives.open(options["mel_filters"]) as mel, archives.open(options["vocabulary"]) as listed:
        filters = whisper_ggml.Assets.read(mel, listed).mel_filters
    return weights, filters, Tokens(vocabulary)


def _write(model: Whisper, share: float, out: Path) -> None:
    """`share` of what was learnt: between the base and what training made of it lies one that hears more sentences
    rightly it never heard than either (Wortsman et al., Robust fine-tuning of zero-shot models, 2022).
    """
    arrays = {}
    for name in model.linear_names():
        if (adapter := adapter_of(model, name)) is not None:
            down, up = (part.detach().cpu().numpy() for part in adapter)
            arrays |= {f"{name}/down": down.astype(np.float16), f"{name}/up": (share * up).astype(np.float16)}
    out.parent.mkdir(parents=True, exist_ok=True)
    with open(out, "wb") as file:
        np.savez(file, **arrays)
    _say(f"wrote {out} ({out.stat().st_size / 1e6:.1f} MB)")


def _say(line: str) -> None:
    print(line, flush=True)
