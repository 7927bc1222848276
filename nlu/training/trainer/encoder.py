"""Whisper's encoder on ONNX Runtime: the graph, and how long it takes beside whisper.cpp's.

    python -m trainer encoder --program target/release/codriverctl

whisper.cpp's time is what `codriverctl probe` finds for the same speech, one run after the other on the same machine.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import time
from pathlib import Path

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import numpy as np
import onnx
import onnxruntime
from builder.ctranslate2 import Model
from builder.gguf_onnx import FUSED, Graph
from onnx import TensorProto, helper

from .recogniser.adapting import base
from .recogniser.model import layers_of

POSITIONS = 256
"""Of 20 ms each: what an utterance of up to 4.5 s gets (asr/src/recogniser/whisper.rs)."""
ROUNDS = 30
EPSILON = 1e-5


def beside_whisper_cpp(arguments: argparse.Namespace) -> str:
    """A line a way of running it: median and p95 in milliseconds."""
    weights, _, _ = base(arguments.recipes, arguments.pack, arguments.downloads)
    graphs = {"float32": encoder(weights, False), "8-bit weights": encoder(weights, True)}
    spectrum = np.random.default_rng(1).standard_normal((1, weights["encoder/conv1/weight"].shape[1], 2 * POSITIONS))
    spectrum = spectrum.astype(np.float32)
    right = None
    lines = [f"{POSITIONS} positions{'':22}threads   p50 ms   p95 ms   cosine to float32"]
    for threads in arguments.threads:
        probed = _probed(arguments.program, arguments.pack, threads)
        lines.append(f"{'whisper.cpp, ' + arguments.pack:36}{threads:4}{probed:11.1f}")
        for provider in arguments.providers:
            for name, graph in graphs.items():
                found, spent = _timed(graph, provider, threads, spectrum)
                right = found if right is None else right
                cosine = float((found * right).sum() / np.linalg.norm(found) / np.linalg.norm(right))
                label = f"{provider.removesuffix('ExecutionProvider')}, {name}"
                p95 = sorted(spent)[int(0.95 * ROUNDS)]
                lines.append(f"{label:36}{threads:4}{statistics.median(spent):11.1f}{p95:9.1f}{cosine:12.5f}")
    return "\n".join(lines)


def encoder(weights: Model, quantised: bool) -> onnx.ModelProto:
    """spectrum float32 [1, mel bands, 2 * POSITIONS] -> heard float32 [1, POSITIONS, width]."""
    graph = Graph()

    def linear(x: str, layer: str, out: str) -> str:
        weight = weights[f"{layer}/weight"]
        if quantised:
            product = graph.linear(x, weight, f"{out}.product")
        else:
            product = graph.add("MatMul", [x, graph.constant(f"{out}.weight", weight.T)], f"{out}.product")
        bias = f"{layer}/bias"
        return graph.add("Add", [product, graph.constant(f"{out}.bias", weights[bias])], out) if bias in weights else product

    def normed(x: str, name: str, out: str) -> str:
        parts = [graph.constant(f"{out}.{part}", weights[f"{name}/{part}"]) for part in ("gamma", "beta")]
        return graph.add("LayerNormalization", [x, *parts], out, axis=-1, epsilon=EPSILON)

    def convolved(x: str, name: str, stride: int) -> str:
        parts = [graph.constant(f"{name}.{part}", weights[f"encoder/{name}/{part}"]) for part in ("weight", "bias")]
        made = graph.add("Conv", [x, *parts], name, kernel_shape=[3], pads=[1, 1], strides=[stride])
        return graph.add("Gelu", [made], f"{name}.gelu")

    x = convolved(convolved("spectrum", "conv1", 1), "conv2", 2)
    x = graph.add("Transpose", [x], "positions.first", perm=[0, 2, 1])
    places = weights["encoder/position_encodings/encodings"][:POSITIONS]
    x = graph.add("Add", [x, graph.constant("positions", places)], "layer.0.in")
    heads, width = weights.number("encoder/num_heads"), places.shape[1]
    for layer in range(layers_of(weights, "encoder")):
        block, out = f"encoder/layer_{layer}", f"layer.{layer}"
        attended = normed(x, f"{block}/self_attention/layer_norm", f"{out}.norm")
        parts = linear(attended, f"{block}/self_attention/linear_0", f"{out}.parts")
        thirds = graph.constant(f"{out}.thirds", np.array([width] * 3, np.int64))
        names = [f"{out}.{part}" for part in ("query", "key", "value")]
        graph.add("Split", [parts, thirds], names, axis=-1)
        attended = graph.add("MultiHeadAttention", names, f"{out}.attended", FUSED, num_heads=heads)
        x = graph.add("Add", [x, linear(attended, f"{block}/self_attention/linear_1", f"{out}.out")], f"{out}.middle")
        inner = linear(normed(x, f"{block}/ffn/layer_norm", f"{out}.ffn.norm"), f"{block}/ffn/linear_0", f"{out}.ffn.in")
        inner = graph.add("Gelu", [inner], f"{out}.ffn.gelu")
        x = graph.add("Add", [x, linear(inner, f"{block}/ffn/linear_1", f"{out}.ffn.out")], f"{out}.end")
    normed(x, "encoder/layer_norm", "heard")
    bands = weights["encoder/conv1/weight"].shape[1]
    return graph.of(
        "encoder",
        [helper.make_tensor_value_info("spectrum", TensorProto.FLOAT, [1, bands, 2 * POSITIONS])],
        [helper.make_tensor_value_info("heard", TensorProto.FLOAT, [1, POSITIONS, width])],
    )


def _timed(graph: onnx.ModelProto, provider: str, threads: int, spectrum: np.ndarray) -> tuple[np.ndarray, list[float]]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=[provider])
    (found,) = session.run(None, {"spectrum": spectrum})
    spent = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        session.run(None, {"spectrum": spectrum})
        spent.append(1e3 * (time.perf_counter() - begun))
    return found, spent


def _probed(program: Path, pack: str, threads: int) -> float:
    environment = os.environ | {"CODRIVER__RECOGNISER__THREADS": str(threads)}
    done = subprocess.run([program, "probe", "--json"], env=environment, capture_output=True, text=True, check=True)
    recognisers = json.loads(done.stdout)["ears"]["recognisers"]
    return next(found["encode_ms"] for found in recognisers if found["pack"] == pack)
