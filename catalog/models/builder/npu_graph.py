"""Builds the graph of a language model that neural processors take whole.

The same weights as in gguf_onnx.py, in the only form such hardware knows:
every shape fixed, plain operators of opset 21, and around each of them
16-bit activations and 8-bit weights (QuantizeLinear, DequantizeLinear). What
needs tables, loops or branches is done by the host: embedding, rotary
tables, mask, and keeping the cache.

Inputs, all float32 (C new tokens, T places in the cache, G queries a key head):
    hidden                     [1, C, width]       embedded tokens; after the last one, any
    select                     [1, 1, C]           1 at the token whose logits are wanted, else 0
    mask                       [1, 1, G * C, T + C]    0 to see, MASKED to not see; row g * C + c
    cos.<base>, sin.<base>     [1, 1, C, head_dimension / 2]    base: global, and local for Gemma
    past.<layer>.key           [1, kv_heads, head_dimension, T]
    past.<layer>.value         [1, kv_heads, T, head_dimension]
Outputs:
    logits                     [1, 1, vocabulary]
    new.<layer>.key            [1, kv_heads, head_dimension, C]
    new.<layer>.value          [1, kv_heads, C, head_dimension]

Without ranges the same graph comes out in float32: `npu_calibrate` runs it
to find them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper

from .errors import BuildError
from .gguf_onnx import GEMMA_LOCAL_ROPE_BASE, Hyperparameters, Weights, unpermute
from .npu_quantise import FloatGraph, QuantisedGraph, Ranges

MASKED = -100.0
"""Added to the score of a token that may not be seen: far enough to vanish, near enough for 16 bits."""


@dataclass(frozen=True)
class Extent:
    """The fixed sizes of one graph."""

    chunk: int
    """Tokens of one run."""
    places: int
    """Tokens in the cache before it."""


def build(weights: Weights, extent: Extent, ranges: Ranges | None = None) -> onnx.ModelProto:
    """The graph in 16-bit activations, or in float32 where `ranges` is None."""
    return _Decoder(weights, extent, ranges).model()


def build_to_calibrate(weights: Weights, extent: Extent) -> tuple[onnx.ModelProto, dict[str, list[str]]]:
    """The float graph, and each range to be found with its tensors that share it.

    It has logits for every token of a chunk: `select` is [1, C, C], `logits` [1, C, vocabulary].
    """
    decoder = _Decoder(weights, extent, None, rows=extent.chunk)
    return decoder.model(), decoder.graph.tensors_of


def rope_bases(size: Hyperparameters) -> dict[str, float]:
    """The bases that rotary tables are wanted for, by the name they have in inputs."""
    bases = {"global": size.rope_base}
    if size.is_gemma:
        bases["local"] = GEMMA_LOCAL_ROPE_BASE
    return bases


class _Decoder:
    def __init__(self, weights: Weights, extent: Extent, ranges: Ranges | None, rows: int = 1) -> None:
        self.weights = weights
        self.rows = rows  # of logits
        self.extent = extent
        self.size = Hyperparameters.read(weights)
        if self.size.is_gemma and extent.places + extent.chunk > self.size.sliding_window:
            raise BuildError(
                f"{weights.path}: {extent.places} places reach beyond the sliding window of "
                f"{self.size.sliding_window}, which this graph has no mask for; use fewer places"
            )
        self.graph = FloatGraph() if ranges is None else QuantisedGraph(ranges)

    @property
    def queries_a_key(self) -> int:
        return self.size.heads // self.size.kv_heads

    def model(self) -> onnx.ModelProto:
        size, graph, (chunk, places) = self.size, self.graph, (self.extent.chunk, self.extent.places)
        x = graph.input("hidden", [1, chunk, size.width])
        select = graph.input("select", [1, self.rows, chunk], (0.0, 1.0))
        self.mask = graph.input("mask", [1, 1, self.queries_a_key * chunk, places + chunk], (MASKED, 0.0))
        self.rope = {
            name: graph.input(name, [1, 1, chunk, size.head_dimension // 2], (-1.0, 1.0))
            for base in rope_bases(size)
            for name in (f"cos.{base}", f"sin.{base}")
        }
        for layer in range(size.layers):
            x = self._residual(x, self._attention(layer, x), f"layer.{layer}.attended")
            x = self._residual(x, self._feed_forward(layer, x), f"layer.{layer}.fed")
        last = self._turned_matmul(select, x, "last.columns", "last", [0, 2, 1], range_of=graph.range_of(x))
        last = self._norm(last, self.weights["output_norm.weight"], "head.norm")
        logits = graph.matmul(last, self.weights["token_embd.weight"], "head")
        graph.output(logits, "logits", [1, self.rows, size.vocabulary])
        model = helper.make_model(
            helper.make_graph(graph.nodes, "decoder", graph.inputs, graph.outputs, graph.constants),
            opset_imports=[helper.make_opsetid("", 21)],
            ir_version=10,
            producer_name="codriver",
        )
        helper.set_model_props(model, self._properties())
        return model

    def _properties(self) -> dict[str, str]:
        """What the decoder reads back from the graph's `metadata_props`."""
        size = self.size
        return size.properties | {
            "chunk": str(self.extent.chunk),
            "places": str(self.extent.places),
            "width": str(size.width),
            "queries_a_key": str(self.queries_a_key),
            "masked": repr(MASKED),
            "embedding_factor": repr(float(np.float32(size.width) ** np.float32(0.5)) if size.is_gemma else 1.0),
        } | {f"rope.{name}": repr(base) for name, base in rope_bases(size).items()}

    def _turned_matmul(self, left: str, right: str, columns: str, out: str, axes: list[int], range_of: str | None = None) -> str:
        """left times right, as the transpose of their transposes' product.

        Qualcomm's HTP reads the second of two 16-bit operands in 8 bits: that must be the one that bears it,
        shares between 0 and 1, not values that reach over thousands.
        """
        graph = self.graph
        left = graph.move("Transpose", left, f"{columns}.left", perm=axes)
        right = graph.move("Transpose", right, f"{columns}.right", perm=axes)
        product = graph.add("MatMul", [right, left], columns, range_of=range_of or out)
        return graph.move("Transpose", product, out, perm=axes)

    def _residual(self, x: str, update: str, out: str) -> str:
        return self.graph.add("Add", [x, update], out)

    def _norm(self, x: str, weight: np.ndarray, out: str) -> str:
        """Root mean square norm. A unit vector times the root of its length is the same, but for an epsilon."""
        unit = self.graph.add("LpNormalization", [x], f"{out}.unit", axis=-1, p=2)
        factor = self.graph.constant(f"{out}.weight", weight * np.float32(len(weight)) ** np.float32(0.5))
        return self.graph.add("Mul", [unit, factor], out)

    def _attention(self, layer: int, x: str) -> str:
        size, graph, (chunk, places) = self.size, self.graph, (self.extent.chunk, self.extent.places)
        at, block, group = f"layer.{layer}", f"blk.{layer}", self.queries_a_key
        base = "local" if size.attends_locally(layer) else "global"
        normed = self._norm(x, self.weights[f"{block}.attn_norm.weight"], f"{at}.attention_norm")

        query = self._heads(layer, normed, "q", size.heads)
        query = self._rotate(query, base, f"{at}.query")
        query = graph.move("Reshape", query, f"{at}.query.grouped", shape=[1, size.kv_heads, group * chunk, size.head_dimension])
        key = self._rotate(self._heads(layer, normed, "k", size.kv_heads), base, f"{at}.key")
        key = graph.move("Transpose", key, f"{at}.key.columns", perm=[0, 1, 3, 2])
        value = self._heads(layer, normed, "v", size.kv_heads)
        graph.output(key, f"new.{layer}.key", [1, size.kv_heads, size.head_dimension, chunk])
        graph.output(value, f"new.{layer}.value", [1, size.kv_heads, chunk, size.head_dimension])

        past_shape = [1, size.kv_heads, size.head_dimension, places]
        past = graph.input(f"past.{layer}.key", past_shape, range_of=graph.range_of(key))
        keys = graph.add("Concat", [past, key], f"{at}.keys", range_of=graph.range_of(key), axis=3)
        past_shape = [1, size.kv_heads, places, size.head_dimension]
        past = graph.input(f"past.{layer}.value", past_shape, range_of=graph.range_of(value))
        values = graph.add("Concat", [past, value], f"{at}.values", range_of=graph.range_of(value), axis=2)

        scores = graph.add("MatMul", [query, keys], f"{at}.scores")
        scores = graph.add("Add", [scores, self.mask], f"{at}.masked")
        shares = graph.add("Softmax", [scores], f"{at}.shares", fixed=(0.0, 65535 / 65536), axis=-1)
        mixed = self._turned_matmul(shares, values, f"{at}.mixed.columns", f"{at}.mixed", [0, 1, 3, 2])
        mixed = graph.move("Reshape", mixed, f"{at}.mixed.heads", shape=[1, size.heads, chunk, size.head_dimension])
        mixed = graph.move("Transpose", mixed, f"{at}.mixed.rows", perm=[0, 2, 1, 3])
        mixed = graph.move("Reshape", mixed, f"{at}.mixed.flat", shape=[1, chunk, size.heads * size.head_dimension])
        output = graph.matmul(mixed, self.weights[f"{block}.attn_output.weight"], f"{at}.attention_output")
        if size.is_gemma:
            output = self._norm(output, self.weights[f"{block}.post_attention_norm.weight"], f"{at}.attention_post_norm")
        return output

    def _heads(self, layer: int, normed: str, part: str, heads: int) -> str:
        """Queries, keys or values, [1, heads, chunk, head_dimension]."""
        size, graph, at = self.size, self.graph, f"layer.{layer}.{part}"
        weight = self.weights[f"blk.{layer}.attn_{part}.weight"]
        # The scores' scale costs nothing where it is part of a weight.
        scale = np.float32(size.head_dimension**-0.5 if part == "q" else 1.0)
        if part != "v" and not size.is_gemma:
            weight = unpermute(weight, heads) * scale
        x = graph.matmul(normed, weight, at)
        x = graph.move("Reshape", x, f"{at}.split", shape=[1, self.extent.chunk, heads, size.head_dimension])
        if part != "v" and size.is_gemma:
            x = self._norm(x, self.weights[f"blk.{layer}.attn_{part}_norm.weight"] * scale, f"{at}.norm")
        return graph.move("Transpose", x, f"{at}.heads", perm=[0, 2, 1, 3])

    def _rotate(self, x: str, base: str, out: str) -> str:
        """Rotary embedding: the halves of a head are the parts of complex numbers."""
        graph, half = self.graph, self.size.head_dimension // 2
        left, right = graph.split(x, [f"{out}.left", f"{out}.right"], [half, half])

        def times(part: str, function: str, name: str) -> str:
            return graph.add("Mul", [part, self.rope[f"{function}.{base}"]], f"{out}.{name}")

        turned = [
            graph.add("Sub", [times(left, "cos", "lc"), times(right, "sin", "rs")], f"{out}.new_left", range_of=out),
            graph.add("Add", [times(right, "cos", "rc"), times(left, "sin", "ls")], f"{out}.new_right", range_of=out),
        ]
        return graph.add("Concat", turned, out, range_of=out, axis=3)

    def _feed_forward(self, layer: int, x: str) -> str:
        size, graph, at, block = self.size, self.graph, f"layer.{layer}.ffn", f"blk.{layer}"
        normed = self._norm(x, self.weights[f"{block}.ffn_norm.weight"], f"{at}.norm")
        gate = graph.matmul(normed, self.weights[f"{block}.ffn_gate.weight"], f"{at}.gate")
        up = graph.matmul(normed, self.weights[f"{block}.ffn_up.weight"], f"{at}.up")
        inner = gate
        if size.is_gemma:
            # GELU by its hyperbolic tangent is x * sigmoid(x * (a + b * x * x)).
            a, b = 2 * (2 / np.pi) ** 0.5, 2 * (2 / np.pi) ** 0.5 * 0.044715
            inner = graph.add("Mul", [gate, gate], f"{at}.square")
            inner = graph.add("Mul", [inner, graph.constant(f"{at}.b", np.float32(b))], f"{at}.square.scaled")
            inner = graph.add("Add", [inner, graph.constant(f"{at}.a", np.float32(a))], f"{at}.slope")
            inner = graph.add("Mul", [gate, inner], f"{at}.inner")
        open_ = graph.add("Sigmoid", [inner], f"{at}.open", fixed=(0.0, 65535 / 65536))
        active = graph.add("Mul", [gate, open_], f"{at}.active")
        product = graph.add("Mul", [active, up], f"{at}.product")
        output = graph.matmul(product, self.weights[f"{block}.ffn_down.weight"], f"{at}.output")
        if size.is_gemma:
            output = self._norm(output, self.weights[f"{block}.post_ffw_norm.weight"], f"{at}.post_norm")
        return output
