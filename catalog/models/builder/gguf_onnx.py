"""Converts a GGUF language model into the graph that Codriver's decoder runs on CPUs.

Two architectures are known: `llama` (SmolLM2) and `gemma3`, both with the
embedding table tied to the output head. The graph uses ONNX Runtime's fused
operators (GroupQueryAttention with rotary embedding inside,
SkipSimplifiedLayerNormalization, MatMulNBits) and 8-bit weights in blocks of 32.

Inputs (batch is always 1; S new tokens, P places in the cache):
    input_ids                         int64 [1, S]
    seqlens_k                         int32 [1]    tokens in the cache after this call, minus one
    total_sequence_length             int32 []     tokens in the cache after this call
    past.<layer>.{key,value}          float32 [1, kv_heads, P, head_dimension]
Outputs:
    logits                            float32 [1, 1, vocabulary], of the last new token only
    present.<layer>.{key,value}       like past; bind the same tensor to both to write in place

The model's properties (`metadata_props`) tell a loader its sizes: see
`Hyperparameters.properties`. The same GGUF gives the same bytes on every run.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from gguf import GGUFReader, dequantize
from onnx import TensorProto, helper, numpy_helper

from .errors import BuildError

BLOCK = 32  # weights that share one scale
FUSED = "com.microsoft"  # operator domain of ONNX Runtime's own operators
INT8_ACTIVATIONS = 4  # MatMulNBits accuracy_level: int8 dot products, the fast path on CPUs
MAX_POSITIONS = 2048  # rows of the rotary tables; far more than one request needs
GEMMA_LOCAL_ROPE_BASE = 10_000.0  # Gemma 3's sliding-window layers; GGUF does not carry it
GEMMA_GLOBAL_EVERY = 6  # every sixth layer of Gemma 3 attends to everything


class Weights:
    """The tensors of a GGUF file, dequantised one at a time, and its fields."""

    def __init__(self, path: Path) -> None:
        try:
            reader = GGUFReader(path)
        except (OSError, ValueError, IndexError) as error:
            raise BuildError(f"{path}: not a readable GGUF file ({error})") from error
        self.path = path
        self.fields = {name: field.contents() for name, field in reader.fields.items()}
        self._tensors = {tensor.name: tensor for tensor in reader.tensors}

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    def __getitem__(self, name: str) -> np.ndarray:
        """The tensor as float32, rows first (output features x input features)."""
        if name not in self._tensors:
            raise BuildError(f"{self.path}: tensor {name} is missing")
        tensor = self._tensors[name]
        shape = tuple(int(size) for size in reversed(tensor.shape))
        return dequantize(tensor.data, tensor.tensor_type).astype(np.float32).reshape(shape)

    def field(self, name: str, default=None):
        value = self.fields.get(name, default)
        if value is None:
            raise BuildError(f"{self.path}: field {name} is missing")
        return value


@dataclass(frozen=True)
class Hyperparameters:
    """The sizes and constants of one model."""

    architecture: str
    layers: int
    heads: int
    kv_heads: int
    head_dimension: int
    width: int
    feed_forward: int
    vocabulary: int
    epsilon: float
    rope_base: float
    sliding_window: int

    @classmethod
    def read(cls, weights: Weights) -> Hyperparameters:
        architecture = weights.field("general.architecture")
        if architecture not in ("llama", "gemma3"):
            raise BuildError(
                f'{weights.path}: architecture "{architecture}" is not supported; use llama or gemma3'
            )
        if "output.weight" in weights:
            raise BuildError(f"{weights.path}: output head is not tied to the embedding")

        def of(name: str, default=None):
            return weights.field(f"{architecture}.{name}", default)

        heads, width = of("attention.head_count"), of("embedding_length")
        return cls(
            architecture=architecture,
            layers=of("block_count"),
            heads=heads,
            kv_heads=of("attention.head_count_kv"),
            head_dimension=of("attention.key_length", width // heads),
            width=width,
            feed_forward=of("feed_forward_length"),
            vocabulary=len(weights.field("tokenizer.ggml.tokens")),
            epsilon=float(of("attention.layer_norm_rms_epsilon")),
            rope_base=float(of("rope.freq_base")),
            sliding_window=of("attention.sliding_window", 0),
        )

    @property
    def is_gemma(self) -> bool:
        return self.architecture == "gemma3"

    def attends_locally(self, layer: int) -> bool:
        return self.is_gemma and (layer + 1) % GEMMA_GLOBAL_EVERY != 0

    @property
    def properties(self) -> dict[str, str]:
        """What the decoder reads back from the graph's `metadata_props`."""
        return {
            "architecture": self.architecture,
            "layers": str(self.layers),
            "kv_heads": str(self.kv_heads),
            "head_dimension": str(self.head_dimension),
            "vocabulary": str(self.vocabulary),
            "max_positions": str(MAX_POSITIONS),
        }


def build_graph(weights: Weights) -> onnx.ModelProto:
    """The whole decoder, from token ids to the last token's logits."""
    size = Hyperparameters.read(weights)
    graph = Graph()
    hidden = embedding(graph, size, weights["token_embd.weight"])
    rotary_tables(graph, size)

    normed = graph.norm(hidden, weights["blk.0.attn_norm.weight"], size.epsilon, "layer.0.norm")
    residual = hidden
    for layer in range(size.layers):
        block = f"layer.{layer}"
        update = attention(graph, size, weights, layer, normed)
        normed, residual = graph.add_and_norm(
            residual, update, weights[f"blk.{layer}.ffn_norm.weight"], size.epsilon, f"{block}.ffn_norm"
        )
        update = feed_forward(graph, size, weights, layer, normed)
        last = layer + 1 == size.layers
        next_norm = "output_norm.weight" if last else f"blk.{layer + 1}.attn_norm.weight"
        normed, residual = graph.add_and_norm(
            residual, update, weights[next_norm], size.epsilon, f"layer.{layer + 1}.norm"
        )

    last_token = graph.constant("last_token", np.array([-1], np.int64))
    head_input = graph.add("Gather", [normed, last_token], "head_input", axis=1)
    # Tied weights: the head reads the same 8-bit table as the embedding.
    graph.matmul_8bit(head_input, "embedding", size.vocabulary, size.width, "logits")
    return graph.model(size)


def embedding(graph: Graph, size: Hyperparameters, table: np.ndarray) -> str:
    """Looks rows up in the 8-bit table and dequantises only those."""
    quantised, scales = quantise(table)
    graph.constant("embedding.weight", quantised)
    graph.constant("embedding.scale", scales)
    zero_point = graph.constant("embedding.zero_point", np.float32(128))
    last_axis = graph.constant("embedding.last_axis", np.array([-1], np.int64))
    shape = graph.constant("embedding.shape", np.array([0, 0, size.width], np.int64))

    rows = graph.add("Gather", ["embedding.weight", "input_ids"], "embedding.rows")
    rows = graph.add("Cast", [rows], "embedding.float", to=TensorProto.FLOAT)
    rows = graph.add("Sub", [rows, zero_point], "embedding.centred")
    scale = graph.add("Gather", ["embedding.scale", "input_ids"], "embedding.row_scales")
    scale = graph.add("Unsqueeze", [scale, last_axis], "embedding.block_scales")
    rows = graph.add("Mul", [rows, scale], "embedding.blocks")
    hidden = graph.add("Reshape", [rows, shape], "embedding.hidden")
    if size.is_gemma:
        factor = graph.constant("embedding.factor", np.float32(size.width) ** np.float32(0.5))
        hidden = graph.add("Mul", [hidden, factor], "embedding.scaled")
    return hidden


def rotary_tables(graph: Graph, size: Hyperparameters) -> None:
    """Cosines and sines per position; Gemma's local layers turn at another base."""
    bases = {"global": size.rope_base}
    if size.is_gemma:
        bases["local"] = GEMMA_LOCAL_ROPE_BASE
    for kind, base in bases.items():
        frequency = base ** (-np.arange(0, size.head_dimension, 2) / size.head_dimension)
        angle = np.outer(np.arange(MAX_POSITIONS), frequency)
        graph.constant(f"rope.{kind}.cos", np.cos(angle).astype(np.float32))
        graph.constant(f"rope.{kind}.sin", np.sin(angle).astype(np.float32))


def attention(graph: Graph, size: Hyperparameters, weights: Weights, layer: int, normed: str) -> str:
    """Grouped-query attention with rotary embedding and the key-value cache."""
    at, block = f"layer.{layer}.attention", f"blk.{layer}"
    query, key, value = (weights[f"{block}.attn_{part}.weight"] for part in ("q", "k", "v"))
    if not size.is_gemma:
        query, key = unpermute(query, size.heads), unpermute(key, size.kv_heads)
    packed = graph.linear(normed, np.concatenate([query, key, value]), f"{at}.qkv")
    if size.is_gemma:
        inputs = split_and_norm_heads(graph, size, weights, layer, packed)
    else:
        inputs = [packed, "", ""]

    local = size.attends_locally(layer)
    kind = "local" if local else "global"
    options = {"local_window_size": size.sliding_window} if local else {}
    graph.add(
        "GroupQueryAttention",
        inputs
        + [f"past.{layer}.key", f"past.{layer}.value"]
        + ["seqlens_k", "total_sequence_length"]
        + [f"rope.{kind}.cos", f"rope.{kind}.sin"],
        [f"{at}.heads", f"present.{layer}.key", f"present.{layer}.value"],
        FUSED,
        num_heads=size.heads,
        kv_num_heads=size.kv_heads,
        do_rotary=1,
        rotary_interleaved=0,
        scale=size.head_dimension**-0.5,
        **options,
    )
    output = graph.linear(f"{at}.heads", weights[f"{block}.attn_output.weight"], f"{at}.output")
    if size.is_gemma:
        after = weights[f"{block}.post_attention_norm.weight"]
        output = graph.norm(output, after, size.epsilon, f"{at}.post_norm")
    return output


def split_and_norm_heads(
    graph: Graph, size: Hyperparameters, weights: Weights, layer: int, packed: str
) -> list[str]:
    """Gemma norms every query and key head by itself, so they cannot stay packed."""
    at = f"layer.{layer}.attention"
    widths = [count * size.head_dimension for count in (size.heads, size.kv_heads, size.kv_heads)]
    parts = [f"{at}.q", f"{at}.k", f"{at}.v"]
    graph.add("Split", [packed, graph.constant(f"{at}.widths", np.array(widths, np.int64))], parts, axis=-1)
    normed = []
    for part, heads, width in (("q", size.heads, widths[0]), ("k", size.kv_heads, widths[1])):
        by_head = graph.constant(
            f"{at}.{part}.by_head", np.array([0, -1, heads, size.head_dimension], np.int64)
        )
        flat = graph.constant(f"{at}.{part}.flat", np.array([0, -1, width], np.int64))
        head = graph.add("Reshape", [f"{at}.{part}", by_head], f"{at}.{part}.heads")
        norm = weights[f"blk.{layer}.attn_{part}_norm.weight"]
        head = graph.norm(head, norm, size.epsilon, f"{at}.{part}.norm")
        normed.append(graph.add("Reshape", [head, flat], f"{at}.{part}.normed"))
    return [*normed, f"{at}.v"]


def feed_forward(graph: Graph, size: Hyperparameters, weights: Weights, layer: int, normed: str) -> str:
    """Gated feed-forward: down(activation(gate) * up)."""
    at, block = f"layer.{layer}.ffn", f"blk.{layer}"
    gate, up = weights[f"{block}.ffn_gate.weight"], weights[f"{block}.ffn_up.weight"]
    packed = graph.linear(normed, np.concatenate([gate, up]), f"{at}.gate_up")
    widths = graph.constant(f"{at}.widths", np.array([size.feed_forward] * 2, np.int64))
    graph.add("Split", [packed, widths], [f"{at}.gate", f"{at}.up"], axis=-1)
    if size.is_gemma:
        active = graph.add("Gelu", [f"{at}.gate"], f"{at}.active", approximate="tanh")
    else:
        active = graph.add("QuickGelu", [f"{at}.gate"], f"{at}.active", FUSED, alpha=1.0)  # SiLU
    product = graph.add("Mul", [active, f"{at}.up"], f"{at}.product")
    output = graph.linear(product, weights[f"{block}.ffn_down.weight"], f"{at}.output")
    if size.is_gemma:
        after = weights[f"{block}.post_ffw_norm.weight"]
        output = graph.norm(output, after, size.epsilon, f"{at}.post_norm")
    return output


def unpermute(rows: np.ndarray, heads: int) -> np.ndarray:
    """GGUF interleaves the rotated pairs of llama's Q and K rows; ONNX wants halves."""
    count, width = rows.shape
    pairs = rows.reshape(heads, count // heads // 2, 2, width)
    return pairs.swapaxes(1, 2).reshape(count, width)


def quantise(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Symmetric 8-bit blocks as MatMulNBits stores them: (bytes around 128, scales)."""
    rows, columns = weight.shape
    if columns % BLOCK:
        raise BuildError(f"a weight has {columns} columns, which {BLOCK} does not divide")
    blocks = weight.reshape(rows, columns // BLOCK, BLOCK)
    scale = np.abs(blocks).max(-1) / np.float32(127)
    scale[scale == 0] = 1
    quantised = (np.round(blocks / scale[..., None]) + 128).astype(np.uint8)
    return quantised, scale.astype(np.float32)


class Graph:
    """Collects nodes and constants; every node is named after its first output."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: np.ndarray) -> str:
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, operator: str, inputs: list[str], outputs: str | list[str], domain: str = "", **attributes) -> str:
        """Appends a node and returns its first output."""
        names = [outputs] if isinstance(outputs, str) else outputs
        self._nodes.append(
            helper.make_node(operator, inputs, names, name=names[0], domain=domain, **attributes)
        )
        return names[0]

    def linear(self, x: str, weight: np.ndarray, out: str) -> str:
        """x times the transpose of `weight`, quantised."""
        quantised, scales = quantise(weight)
        self.constant(f"{out}.weight", quantised)
        self.constant(f"{out}.scale", scales.reshape(-1))
        rows, columns = weight.shape
        return self.matmul_8bit(x, out, rows, columns, out)

    def matmul_8bit(self, x: str, weight: str, rows: int, columns: int, out: str) -> str:
        return self.add(
            "MatMulNBits",
            [x, f"{weight}.weight", f"{weight}.scale"],
            out,
            FUSED,
            K=columns,
            N=rows,
            bits=8,
            block_size=BLOCK,
            accuracy_level=INT8_ACTIVATIONS,
        )

    def norm(self, x: str, weight: np.ndarray, epsilon: float, out: str) -> str:
        inputs = [x, self.constant(f"{out}.weight", weight)]
        return self.add(
            "SimplifiedLayerNormalization", inputs, out, axis=-1, epsilon=epsilon, stash_type=1
        )

    def add_and_norm(
        self, residual: str, update: str, weight: np.ndarray, epsilon: float, out: str
    ) -> tuple[str, str]:
        """(norm(residual + update), residual + update) in one operator."""
        inputs = [residual, update, self.constant(f"{out}.weight", weight)]
        outputs = [out, "", "", f"{out}.residual"]
        self.add("SkipSimplifiedLayerNormalization", inputs, outputs, FUSED, epsilon=epsilon)
        return out, f"{out}.residual"

    def model(self, size: Hyperparameters) -> onnx.ModelProto:
        info = helper.make_tensor_value_info
        inputs = [
            info("input_ids", TensorProto.INT64, [1, "new_tokens"]),
            info("seqlens_k", TensorProto.INT32, [1]),
            info("total_sequence_length", TensorProto.INT32, []),
        ]
        outputs = [info("logits", TensorProto.FLOAT, [1, 1, size.vocabulary])]
        for layer in range(size.layers):
            for part in ("key", "value"):
                inputs.append(self._cache(f"past.{layer}.{part}", "past_places", size))
                outputs.append(self._cache(f"present.{layer}.{part}", "present_places", size))
        model = self.of("decoder", inputs, outputs)
        helper.set_model_props(model, size.properties)
        return model

    def of(self, name: str, inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto]) -> onnx.ModelProto:
        """What was collected, as a model without properties."""
        graph = helper.make_graph(self._nodes, name, inputs, outputs, self._constants)
        opsets = [helper.make_opsetid("", 21), helper.make_opsetid(FUSED, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10, producer_name="codriver")

    @staticmethod
    def _cache(name: str, places: str, size: Hyperparameters) -> onnx.ValueInfoProto:
        shape = [1, size.kv_heads, places, size.head_dimension]
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
