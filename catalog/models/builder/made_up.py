"""A tiny language model with made-up weights, built like the real ones, for tests of every execution provider.

    python -m builder.made_up OUT_DIR      ->  OUT_DIR/codriver-made-up/, a whole pack with both graphs

Two llama layers over bytes. It knows nothing, but it decides clearly: the same
prompt and grammar give the same answer on hardware that computes alike.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from . import npu_calibrate
from .errors import BuildError
from .language_pack import write_graphs
from .npu_graph import Extent
from .packs import manifest_text
from .recipe import Recipe

SEED = 20_261_127
LAYERS, WIDTH, HEADS, KV_HEADS, FEED_FORWARD = 2, 64, 2, 1, 128
EXTENT = Extent(chunk=8, places=240)
NAME = "codriver-made-up"
END = "<|im_end|>"
SENTENCES = (
    "Open the window, please.",
    "I am freezing in here",
    "navigate home; and play some music!",
    "set the driver's temperature to 21.5 degrees",
    "what did you say? 0123456789",
)


class MadeUpWeights:
    """Random tensors and fields as `Weights` would read them from a file; the same on every run."""

    path = Path("made-up")

    def __init__(self) -> None:
        pieces = [*_byte_pieces(), END]
        self.fields = {
            "general.architecture": "llama",
            "llama.block_count": LAYERS,
            "llama.embedding_length": WIDTH,
            "llama.attention.head_count": HEADS,
            "llama.attention.head_count_kv": KV_HEADS,
            "llama.feed_forward_length": FEED_FORWARD,
            "llama.attention.layer_norm_rms_epsilon": 1e-5,
            "llama.rope.freq_base": 10_000.0,
            "tokenizer.ggml.model": "gpt2",
            "tokenizer.ggml.pre": "smollm",
            "tokenizer.ggml.tokens": pieces,
            "tokenizer.ggml.token_type": [1] * (len(pieces) - 1) + [3],
            "tokenizer.ggml.merges": [],
        }
        random = np.random.default_rng(SEED)
        kv_width = WIDTH // HEADS * KV_HEADS
        self._tensors = {"token_embd.weight": random.standard_normal((len(pieces), WIDTH))}
        shapes = {
            "attn_q": (WIDTH, WIDTH),
            "attn_k": (kv_width, WIDTH),
            "attn_v": (kv_width, WIDTH),
            "attn_output": (WIDTH, WIDTH),
            "ffn_gate": (FEED_FORWARD, WIDTH),
            "ffn_up": (FEED_FORWARD, WIDTH),
            "ffn_down": (WIDTH, FEED_FORWARD),
        }
        for layer in range(LAYERS):
            for name, shape in shapes.items():
                self._tensors[f"blk.{layer}.{name}.weight"] = random.standard_normal(shape) / shape[1] ** 0.5
            for name in ("attn_norm", "ffn_norm"):
                self._tensors[f"blk.{layer}.{name}.weight"] = 1 + 0.1 * random.standard_normal(WIDTH)
        self._tensors["output_norm.weight"] = 1 + 0.1 * random.standard_normal(WIDTH)

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    def __getitem__(self, name: str) -> np.ndarray:
        return self._tensors[name].astype(np.float32)

    def field(self, name: str, default=None):
        value = self.fields.get(name, default)
        if value is None:
            raise BuildError(f"{self.path}: field {name} is missing")
        return value


def prompt(sentence: str) -> list[int]:
    """The tokens of a sentence in the pack's prompt."""
    return list(f"Said: {sentence}\nCall: window.open(".encode())


def write(store: Path) -> Path:
    """Makes the pack in `store` and returns its directory."""
    weights = MadeUpWeights()
    directory = store / NAME
    directory.mkdir(parents=True)
    ranges = npu_calibrate.calibrate(weights, EXTENT, map(prompt, SENTENCES))
    write_graphs(weights, directory, EXTENT, ranges)
    recipe = Recipe(
        name=NAME,
        version="1.0.0",
        kind="language-model",
        licence="MIT OR Apache-2.0",
        languages=("en",),
        sources=(),
        conversion={},
        results=(),
        section={
            "graph": "model.onnx",
            "graph_kind": "cpu-dynamic",
            "npu_graph": "npu.onnx",
            "npu_embedding": "npu.embedding",
            "tokenizer": "tokenizer.json",
            "prompt": "Said: {utterance}\nCall:",
            "end_of_call": "\n",
            "max_tokens": 64,
            "thresholds": {"execute": 0.9, "confirm": 0.5},
        },
        directory=directory,
        on_demand=False,
        identity="made-up",
    )
    (directory / "manifest.toml").write_text(manifest_text(recipe, directory), encoding="utf-8")
    return directory


def _byte_pieces() -> list[str]:
    """GPT-2's letter for each byte: itself where it can be seen, else one from beyond the first 256."""
    seen = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    hidden = iter(range(256, 512))
    return [chr(byte if byte in seen else next(hidden)) for byte in range(256)]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m builder.made_up STORE")
    print(write(Path(sys.argv[1])))
