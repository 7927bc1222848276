"""The head: two layers over the last vectors of the backbone, trained with numpy, written as ONNX."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .embedding import WIDTH

STEPS = 16
"""Vectors a head looks at: the sound of the last two seconds."""
HIDDEN = 32
EPOCHS = 24
BATCH = 256
RATE = 1e-3
DROPPED = 0.3
DECAY = 1e-4


@dataclass
class Head:
    """probability = sigmoid(relu(vectors @ first + first_bias) @ second + second_bias)"""

    first: np.ndarray
    first_bias: np.ndarray
    second: np.ndarray
    second_bias: np.ndarray

    def probabilities(self, windows: np.ndarray) -> np.ndarray:
        """Of windows [count, STEPS * WIDTH]."""
        hidden = np.maximum(windows @ self.first + self.first_bias, 0.0)
        return _sigmoid(hidden @ self.second + self.second_bias)[:, 0]


def train(windows: np.ndarray, wake: np.ndarray, seed: int) -> Head:
    """Learns to tell windows [count, STEPS * WIDTH] of the phrase (`wake`) from the others."""
    rng = np.random.default_rng(seed)
    mean, spread = windows.mean(axis=0), windows.std(axis=0) + 1e-3
    head = Head(
        rng.normal(0, np.sqrt(2 / windows.shape[1]), (windows.shape[1], HIDDEN)).astype(np.float32),
        np.zeros(HIDDEN, np.float32),
        rng.normal(0, np.sqrt(2 / HIDDEN), (HIDDEN, 1)).astype(np.float32),
        np.zeros(1, np.float32),
    )
    places = [head.first, head.first_bias, head.second, head.second_bias]
    moments = [(np.zeros_like(place), np.zeros_like(place)) for place in places]
    # Both kinds count the same, however many there are of each.
    share = wake.mean()
    weight = np.where(wake, 0.5 / share, 0.5 / (1 - share)).astype(np.float32)
    steps = EPOCHS * (len(windows) // BATCH)
    step = 0
    for _ in range(EPOCHS):
        order = rng.permutation(len(windows))
        for start in range(0, len(order) - BATCH + 1, BATCH):
            chosen = order[start : start + BATCH]
            step += 1
            rate = RATE * 0.5 * (1 + np.cos(np.pi * step / steps))
            gradients = _gradients(head, (windows[chosen] - mean) / spread, wake[chosen], weight[chosen], rng)
            for place, gradient, (first, second) in zip(places, gradients, moments, strict=True):
                first += 0.1 * (gradient - first)
                second += 0.001 * (gradient**2 - second)
                corrected = (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
                place -= rate * (corrected + DECAY * place)
    head.first_bias = head.first_bias - (mean / spread) @ head.first
    head.first = head.first / spread[:, None]
    return head


def _gradients(head: Head, windows: np.ndarray, wake: np.ndarray, weight: np.ndarray, rng: np.random.Generator):
    kept_in = (rng.random(windows.shape) >= DROPPED / 3) / (1 - DROPPED / 3)
    windows = (windows * kept_in).astype(np.float32)
    before = windows @ head.first + head.first_bias
    kept = ((rng.random(before.shape) >= DROPPED) / (1 - DROPPED)).astype(np.float32)
    hidden = np.maximum(before, 0.0) * kept
    probability = _sigmoid(hidden @ head.second + head.second_bias)[:, 0]
    # Labels are softened a little, so that no weight grows without bound.
    error = ((probability - (0.01 + 0.98 * wake)) * weight / len(windows))[:, None].astype(np.float32)
    back = (error @ head.second.T) * kept * (before > 0)
    return windows.T @ back, back.sum(axis=0), hidden.T @ error, error.sum(axis=0)


def _sigmoid(numbers: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(numbers, -30, 30)))


def write(head: Head, path: Path, phrase: str, threshold: float) -> None:
    """As an ONNX graph: "embeddings" [1, STEPS, WIDTH] to "probability" [1, 1]."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    tensors = {
        "flat": np.array([1, STEPS * WIDTH], np.int64),
        "first": head.first,
        "first_bias": head.first_bias,
        "second": head.second,
        "second_bias": head.second_bias,
    }
    floats = {name: tensor if name == "flat" else tensor.astype(np.float32) for name, tensor in tensors.items()}
    nodes = [
        helper.make_node("Reshape", ["embeddings", "flat"], ["window"]),
        helper.make_node("Gemm", ["window", "first", "first_bias"], ["before"]),
        helper.make_node("Relu", ["before"], ["hidden"]),
        helper.make_node("Gemm", ["hidden", "second", "second_bias"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["probability"]),
    ]
    graph = helper.make_graph(
        nodes,
        "wake-head",
        [helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, [1, STEPS, WIDTH])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, [1, 1])],
        [numpy_helper.from_array(np.ascontiguousarray(tensor), name) for name, tensor in floats.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"phrase": phrase, "threshold": f"{threshold:.3f}"})
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString(deterministic=True))
