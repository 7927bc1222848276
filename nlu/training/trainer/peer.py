"""The same model in llama.cpp and in Codriver, side by side: tokens a second on one thread.

    python -m trainer peer --decode "cargo bench ... --bench decode -- PACK"

Both get the same weights (8 bits, the vocabulary cut alike), the same prompts as
token ids and write the same number of tokens; they take turns, prompt by
prompt, so that a busy machine is busy for both.
"""

from __future__ import annotations

import argparse
import json
import random
import shlex
import subprocess
from pathlib import Path
from statistics import median

import gguf
import numpy as np
import xllamacpp
from builder import adapter as adapters
from builder import recipe as recipes
from builder.gguf_onnx import Weights

from . import base
from .catalog import Catalog
from .corpus import Corpus, name_held_out
from .encoding import Encoder
from .errors import TrainingError
from .follow_ups import FollowUp
from .samples import Sampler
from .values import Lexicons

NEW_TOKENS = 32
PROMPTS = 20
CONTEXT = 512


def compare(arguments: argparse.Namespace, catalog: Catalog, corpus: Corpus, follow_ups: list[FollowUp]) -> None:
    """Prints both speeds and their ratio."""
    arguments.work.mkdir(parents=True, exist_ok=True)
    recipe = recipes.read(arguments.recipes)[arguments.pack]
    source = base.fetch(arguments.recipes, arguments.pack, arguments.work.parent / "downloads", arguments.work)
    adapter = adapters.read(recipe.directory / recipe.conversion["adapter"]["path"])
    weights = adapters.AdaptedWeights(Weights(source), adapter)
    merged = arguments.work / f"{arguments.pack}.q8_0.gguf"
    _write_gguf(source, weights, merged)

    encoder = Encoder(base.tokenizer(weights.fields), recipe.section["prompt"], recipe.section["end_of_call"])
    lexicons = Lexicons(arguments.corpus / "lexicons", name_held_out)
    sampler = Sampler(catalog, corpus, follow_ups, lexicons, "test", {}, recipe.languages)
    samples = random.Random(1).sample(sampler.evaluation(1, joined=20), PROMPTS)
    prompts = [encoder.encode(sample).prompt for sample in samples]

    theirs = Llama(merged)
    ours = subprocess.Popen(shlex.split(arguments.decode), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    rows = []
    for prompt in prompts:
        ours.stdin.write(json.dumps(prompt) + "\n")
        ours.stdin.flush()
        rows.append((len(prompt), json.loads(ours.stdout.readline()), theirs.run(prompt)))
    ours.stdin.close()
    ours.wait(timeout=60)
    print(_table(arguments.pack, rows[1:]))  # the first warms both up


def _table(pack: str, rows: list[tuple[int, dict, dict]]) -> str:
    tokens = median(length for length, _, _ in rows)
    lines = [
        f"{pack}: {len(rows)} prompts of {tokens:.0f} tokens (median), {NEW_TOKENS} tokens written after each, one thread",
        f"{'':24}{'codriver':>12}{'llama.cpp':>12}{'ratio of speeds':>18}",
    ]
    for name, key in (("prompt, ms", "prefill_ms"), ("a token written, ms", "decode_ms")):
        our, their = (median(row[side][key] for row in rows) for side in (1, 2))
        lines.append(f"{name:24}{our:12.1f}{their:12.1f}{their / our:18.2f}")
    whole = [median(r[side]["prefill_ms"] + NEW_TOKENS * r[side]["decode_ms"] for r in rows) for side in (1, 2)]
    lines.append(f"{'both, tokens a second':24}" + "".join(f"{(tokens + NEW_TOKENS) / w * 1000:12.1f}" for w in whole)
                 + f"{whole[1] / whole[0]:18.2f}")  # fmt: skip
    return "\n".join(lines)


class Llama:
    """llama.cpp's own server inside this process, which times itself."""

    def __init__(self, path: Path) -> None:
        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(path)
        parameters.n_ctx = parameters.n_batch = parameters.n_ubatch = CONTEXT
        parameters.n_parallel = 1
        parameters.verbosity = 0
        parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
        self._server = xllamacpp.Server(parameters)

    def run(self, prompt: list[int]) -> dict[str, float]:
        greedy = {"temperature": 0, "samplers": ["temperature"], "ignore_eos": True, "cache_prompt": False}
        answer = self._server.handle_completions({"prompt": prompt, "n_predict": NEW_TOKENS, **greedy})
        timings = answer.get("timings")
        if timings is None:
            raise TrainingError(f"llama.cpp failed to decode: {answer}")
        return {"prefill_ms": timings["prompt_ms"], "decode_ms": timings["predicted_per_token_ms"]}


def _write_gguf(source: Path, weights: adapters.AdaptedWeights, out: Path) -> None:
    """The merged model as llama.cpp reads it, its matrices in 8 bits."""
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(out, weights.field("general.architecture"))
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name in ("general.architecture", "general.file_type", "general.quantization_version"):
            continue
        kind, value = field.types[0], weights.fields[name]
        of = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(name, value, kind, of)
    for tensor in reader.tensors:
        weight = weights[tensor.name]
        if weight.ndim == 2:
            quantised = gguf.quants.quantize(weight, gguf.GGMLQuantizationType.Q8_0)
            writer.add_tensor(tensor.name, quantised, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
        else:
            writer.add_tensor(tensor.name, weight.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
