"""Finds the range of every activation by running the float graph over prompts.

It is done where a model is trained, and the ranges are kept beside its
adapter: the pack is then made without running anything, the same bytes on
every machine.
"""

from __future__ import annotations

from typing import Callable, Iterable

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

from . import npu_graph
from .gguf_onnx import Weights
from .npu_graph import Extent
from .npu_host import Host, Run
from .npu_quantise import Ranges

Runner = Callable[[onnx.ModelProto, list[str]], Run]
"""A graph and the names of tensors -> what computes these, and the graph's outputs, of its inputs."""


def by_reference(model: onnx.ModelProto, tensors: list[str]) -> Run:
    """Slow, and needs nothing but onnx."""
    evaluator = ReferenceEvaluator(model)
    return lambda inputs: evaluator.run(None, inputs, intermediate=True)


def calibrate(
    weights: Weights, extent: Extent, sequences: Iterable[list[int]], runner: Runner = by_reference
) -> Ranges:
    """Lowest and highest value of each range over all sequences of tokens.

    A tensor's padding behind the last token is a repeated token, so it has no values of its own kind.
    """
    model, tensors_of = npu_graph.build_to_calibrate(weights, extent)
    computed = runner(model, sorted({tensor for tensors in tensors_of.values() for tensor in tensors}))
    # Every token of a real answer is the last of a run once.
    every = np.eye(extent.chunk, dtype=np.float32)[None]
    limits: dict[str, tuple[float, float]] = {}

    def run(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        inputs = inputs | {"select": every}
        values = inputs | computed(inputs)
        for name, tensors in tensors_of.items():
            low, high = limits.get(name, (0.0, 0.0))
            for tensor in tensors:
                low, high = min(low, float(values[tensor].min())), max(high, float(values[tensor].max()))
            limits[name] = low, high
        return values

    host = Host(weights, extent, run)
    for tokens in sequences:
        host.reset()
        host.advance(tokens)
    return Ranges(limits)
