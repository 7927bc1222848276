"""Writes the files of a language model pack: both graphs, the tokenizer, and what was taught.

    python -m builder.language_pack MODEL.gguf OUT_DIR     ->  OUT_DIR/model.onnx, OUT_DIR/tokenizer.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from . import npu_graph
from .adapter import AdaptedWeights
from .errors import BuildError
from .gguf_onnx import Weights, build_graph, quantise
from .gguf_tokenizer import tokenizer_json
from .npu_graph import Extent
from .npu_quantise import Ranges


def convert(
    gguf: Path,
    out_dir: Path,
    changes: dict[str, np.ndarray] | None = None,
    extent: Extent | None = None,
    ranges: Ranges | None = None,
) -> None:
    """Writes a pack's files into `out_dir`, which must exist.

    `changes` are an adapter's arrays; what it was taught is then told by commands.txt.
    """
    weights = Weights(gguf)
    if changes is not None:
        weights = AdaptedWeights(weights, changes)
        commands = "".join(f"{name}\n" for name in changes["commands"])
        (out_dir / "commands.txt").write_text(commands, encoding="utf-8")
    write_graphs(weights, out_dir, extent, ranges)


def write_graphs(weights: Weights, out_dir: Path, extent: Extent | None = None, ranges: Ranges | None = None) -> None:
    """model.onnx and tokenizer.json; with an extent and calibrated ranges npu.onnx and npu.embedding too."""
    model = build_graph(weights)
    (out_dir / "model.onnx").write_bytes(model.SerializeToString(deterministic=True))
    text = json.dumps(tokenizer_json(weights.fields), ensure_ascii=False)
    (out_dir / "tokenizer.json").write_text(text, encoding="utf-8")
    if extent is None or ranges is None:
        return
    model = npu_graph.build(weights, extent, ranges)
    (out_dir / "npu.onnx").write_bytes(model.SerializeToString(deterministic=True))
    # The table that the CPU graph carries inside: bytes around 128, then a float32 step for every 32.
    levels, steps = quantise(weights["token_embd.weight"])
    (out_dir / "npu.embedding").write_bytes(levels.tobytes() + steps.astype("<f4").tobytes())


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m builder.language_pack MODEL.gguf OUT_DIR")
    try:
        convert(Path(sys.argv[1]), Path(sys.argv[2]))
    except BuildError as error:
        sys.exit(str(error))
