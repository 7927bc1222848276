"""Finds and reads the base model that an adapter is trained on, as the pack builder fetches it."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from builder import adapter as adapters
from builder import recipe as recipes
from builder.archive import Archives
from builder.fetch import Downloads
from builder.gguf_onnx import Weights
from builder.gguf_tokenizer import tokenizer_json
from builder.lock import exclusive
from builder.progress import Progress
from tokenizers import Tokenizer

from .errors import TrainingError


def fetch(recipe_file: Path, pack: str, downloads: Path, out_dir: Path) -> Path:
    """The GGUF file of a language-model pack's base, unpacked into `out_dir`."""
    recipe = recipes.read(recipe_file).get(pack)
    if recipe is None or "gguf_parts" not in recipe.conversion:
        raise TrainingError(f"{recipe_file}: has no language model {pack} that is made from GGUF")
    gguf = out_dir / f"{pack}.gguf"
    if gguf.exists():
        return gguf
    progress = Progress(sys.stderr)
    with exclusive(downloads, progress), tempfile.TemporaryDirectory(dir=out_dir) as scratch:
        store = Downloads(downloads, progress)
        archives = Archives([store.fetch(source) for source in recipe.sources])
        unpacked = Path(scratch) / "model.gguf"
        archives.extract(recipe.conversion["gguf_parts"], unpacked)
        unpacked.rename(gguf)
    return gguf


def tokenizer(fields: dict) -> Tokenizer:
    return Tokenizer.from_str(json.dumps(tokenizer_json(fields), ensure_ascii=False))


def cut(weights: Weights, kept: list[int]) -> adapters.AdaptedWeights:
    """The base with only the kept tokens."""
    import numpy as np

    return adapters.AdaptedWeights(weights, {"kept_tokens": np.array(kept, np.int32)})
