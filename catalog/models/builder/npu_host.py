"""The host's part of a graph of npu_graph.py: what the decoder in nlu/ does on the car, for calibration and tests."""

from __future__ import annotations

from typing import Callable, Iterable

import numpy as np

from .gguf_onnx import Hyperparameters, Weights, quantise
from .npu_graph import MASKED, Extent, rope_bases

Run = Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]
"""Inputs by name -> outputs by name."""


class Host:
    """Embedding, rotary tables, mask and cache of one sequence."""

    def __init__(self, weights: Weights, extent: Extent, run: Run) -> None:
        self.size = Hyperparameters.read(weights)
        self.extent = extent
        self._run = run
        levels, steps = quantise(weights["token_embd.weight"])
        table = (levels.astype(np.float32) - 128) * steps[..., None]
        factor = np.float32(self.size.width) ** np.float32(0.5) if self.size.is_gemma else np.float32(1)
        self._embedding = table.reshape(self.size.vocabulary, self.size.width) * factor
        self.reset()

    def reset(self) -> None:
        """Forgets all tokens."""
        size, places = self.size, self.extent.places
        self.position = 0
        self._past = {}
        for layer in range(size.layers):
            self._past[f"past.{layer}.key"] = np.zeros((1, size.kv_heads, size.head_dimension, places), np.float32)
            self._past[f"past.{layer}.value"] = np.zeros((1, size.kv_heads, places, size.head_dimension), np.float32)

    def advance(self, tokens: Iterable[int]) -> np.ndarray:
        """Appends tokens, chunk by chunk; returns the logits after the last."""
        tokens = list(tokens)
        logits = None
        for start in range(0, len(tokens), self.extent.chunk):
            logits = self._advance_chunk(tokens[start : start + self.extent.chunk])
        return logits

    def _advance_chunk(self, tokens: list[int]) -> np.ndarray:
        outputs = self._run(self.inputs(tokens))
        here, count = slice(self.position, self.position + len(tokens)), len(tokens)
        for layer in range(self.size.layers):
            self._past[f"past.{layer}.key"][..., here] = outputs[f"new.{layer}.key"][..., :count]
            self._past[f"past.{layer}.value"][:, :, here] = outputs[f"new.{layer}.value"][:, :, :count]
        self.position += count
        return outputs["logits"][0, 0]

    def inputs(self, tokens: list[int]) -> dict[str, np.ndarray]:
        """What the graph is given for at most one chunk of tokens."""
        size, (chunk, places) = self.size, (self.extent.chunk, self.extent.places)
        padded = tokens + [tokens[-1]] * (chunk - len(tokens))
        select = np.zeros((1, 1, chunk), np.float32)
        select[..., len(tokens) - 1] = 1
        mask = np.full((chunk, places + chunk), MASKED, np.float32)
        mask[:, : self.position] = 0
        for row in range(chunk):
            mask[row, places : places + row + 1] = 0
        inputs = {
            "hidden": self._embedding[padded][None],
            "select": select,
            "mask": np.tile(mask, (size.heads // size.kv_heads, 1))[None, None],
            **{name: past.copy() for name, past in self._past.items()},
        }
        for name, base in rope_bases(size).items():
            frequency = base ** (-np.arange(0, size.head_dimension, 2) / size.head_dimension)
            angle = np.outer(self.position + np.arange(chunk), frequency)
            inputs[f"cos.{name}"] = np.cos(angle).astype(np.float32)[None, None]
            inputs[f"sin.{name}"] = np.sin(angle).astype(np.float32)[None, None]
        return inputs
