"""Finds the ranges of a pack's activations, which its graph for neural processors is quantised with.

    python -m trainer calibrate --pack PACK --out RANGES

Real sentences of the training split, in the pack's prompt and with their answers,
run through the float graph of the adapted model. To be done again for every new adapter.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from builder import adapter as adapters
from builder import npu_calibrate
from builder import recipe as recipes
from builder.gguf_onnx import Weights
from builder.npu_graph import Extent
from builder.npu_host import Run

from . import base
from .catalog import Catalog
from .corpus import Corpus, name_held_out
from .encoding import Encoder
from .errors import TrainingError
from .follow_ups import FollowUp
from .samples import Sampler
from .values import Lexicons

SEED = 20261127
CHUNK = 48
"""Tokens of prompt and answer that run at once; ranges do not depend on it, and longer samples are cut in chunks."""
REPORT_EVERY = 50


def calibrate(arguments: argparse.Namespace, catalog: Catalog, corpus: Corpus, follow_ups: list[FollowUp]) -> None:
    """Writes the ranges that `arguments.sentences` sentences take."""
    recipe = recipes.read(arguments.recipes).get(arguments.pack)
    if recipe is None or "npu" not in recipe.conversion:
        raise TrainingError(f"{arguments.recipes}: {arguments.pack} is no pack with a graph for neural processors")
    arguments.work.mkdir(parents=True, exist_ok=True)
    source = base.fetch(arguments.recipes, arguments.pack, arguments.work.parent / "downloads", arguments.work)
    adapter = adapters.read(recipe.directory / recipe.conversion["adapter"]["path"])
    weights = adapters.AdaptedWeights(Weights(source), adapter)
    encoder = Encoder(base.tokenizer(weights.fields), recipe.section["prompt"], recipe.section["end_of_call"])
    lexicons = Lexicons(arguments.corpus / "lexicons", name_held_out)
    sampler = Sampler(catalog, corpus, follow_ups, lexicons, "train", {}, recipe.languages)
    samples = sampler.stream(SEED)
    sequences = _told(_tokens(encoder, samples, arguments.sentences), arguments.sentences)
    extent = Extent(CHUNK, recipe.conversion["npu"]["places"])
    ranges = npu_calibrate.calibrate(weights, extent, sequences, by_runtime)
    ranges.write(arguments.out)


def by_runtime(model: onnx.ModelProto, tensors: list[str]) -> Run:
    """ONNX Runtime, which is some ten times as fast as onnx's own evaluator."""
    given = {value.name for value in [*model.graph.input, *model.graph.output]}
    shown = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in tensors if name not in given]
    model.graph.output.extend(shown)
    with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        onnx.save(model, file.name)
        session = onnxruntime.InferenceSession(file.name, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def run(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return dict(zip(names, session.run(names, inputs)))

    return run


def _tokens(encoder: Encoder, samples, count: int):
    for _, sample in zip(range(count), samples):
        encoded = encoder.encode(sample)
        yield encoded.prompt + encoded.answer


def _told(sequences, count: int):
    begun = time.monotonic()
    for done, tokens in enumerate(sequences):
        if done % REPORT_EVERY == 0:
            print(f"{done} of {count} sentences, {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
        yield tokens
