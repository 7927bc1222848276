"""Finds the range of every activation by running the float graph over prompts.

It is done where a model is trained, and the ranges are kept beside its
adapter: the pack is then made without running anything, the same bytes on
every machine.
"""

from __future__ import annotations

from typing import Iterable

import numpy as np
from onnx.reference import ReferenceEvaluator

from . import npu_graph
from .gguf_onnx import Weights
from .npu_graph import Extent
from .npu_host import Host
from .npu_quantise import Ranges


def calibrate(weights: Weights, extent: Extent, sequences: Iterable[list[int]]) -> Ranges:
    """Lowest and highest value of each range over all sequences of tokens.

    A tensor's padding behind the last token is a repeated token, so it has no values of its own kind.
    """
    evaluator = ReferenceEvaluator(npu_graph.build(weights, extent))
    tensors_of = npu_graph.ranges_needed(weights, extent)
    limits: dict[str, tuple[float, float]] = {}

    def run(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        values = evaluator.run(None, inputs, intermediate=True)
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
