"""Writes a Whisper model in the ggml file format that whisper.cpp loads."""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Iterator

import numpy as np
from gguf import GGMLQuantizationType, quants

from .ctranslate2 import Model
from .errors import BuildError

_MAGIC = 0x67676D6C
_MULTILINGUAL_VOCABULARY = 51865
_FLOAT32, _FLOAT16 = 0, 1
_QUANTISATIONS = {
    # name: (file type, tensor type)
    "f16": (1, None),
    "q8_0": (2007, GGMLQuantizationType.Q8_0),
    "q5_1": (2009, GGMLQuantizationType.Q5_1),
}
_ALWAYS_FLOAT32 = {
    # whisper.cpp reads these as float32 whatever the file type says
    "encoder.conv1.bias",
    "encoder.conv2.bias",
    "encoder.positional_embedding",
    "decoder.positional_embedding",
}


@dataclass(frozen=True)
class Assets:
    """What a ggml file carries beside the weights."""

    mel_filters: np.ndarray
    """float32 [80 mel bands, 201 frequency bins]."""
    tokens: list[bytes]

    @classmethod
    def read(cls, mel_filters: IO[bytes], vocabulary: IO[bytes]) -> Assets:
        """From Whisper's `mel_filters.npz` and `multilingual.tiktoken`, or `gpt2.tiktoken` for English only."""
        filters = np.load(mel_filters)["mel_80"].astype(np.float32)
        lines = vocabulary.read().splitlines()
        return cls(filters, [base64.b64decode(line.split()[0]) for line in lines if line.strip()])


def write(model: Model, assets: Assets, quantisation: str, path: Path) -> None:
    """Writes `model` to `path`; two-dimensional weights are stored as `quantisation` says."""
    if quantisation not in _QUANTISATIONS:
        raise BuildError(f'quantisation "{quantisation}" is unknown; use one of {", ".join(_QUANTISATIONS)}')
    file_type, weight_type = _QUANTISATIONS[quantisation]
    with open(path, "wb") as out:
        out.write(_header(model, assets, file_type))
        for name, tensor in _tensors(model):
            out.write(_record(name, tensor, weight_type))


def _header(model: Model, assets: Assets, file_type: int) -> bytes:
    vocabulary, width = model["decoder/embeddings/weight"].shape
    # Before its first language an English-only model has the end of the text among GPT-2's own tokens.
    end_of_text = [] if vocabulary >= _MULTILINGUAL_VOCABULARY else [b"<|endoftext|>"]
    tokens = assets.tokens + end_of_text
    hyperparameters = (
        vocabulary,
        model["encoder/position_encodings/encodings"].shape[0],
        width,
        model.number("encoder/num_heads"),
        _layers(model, "encoder"),
        model["decoder/position_encodings/encodings"].shape[0],
        width,
        model.number("decoder/num_heads"),
        _layers(model, "decoder"),
        assets.mel_filters.shape[0],
        file_type,
    )
    parts = [
        struct.pack("<I11i", _MAGIC, *hyperparameters),
        struct.pack("<2i", *assets.mel_filters.shape),
        assets.mel_filters.tobytes(),
        struct.pack("<i", len(tokens)),
        *(struct.pack("<i", len(token)) + token for token in tokens),
    ]
    return b"".join(parts)


def _record(name: str, tensor: np.ndarray, weight_type: GGMLQuantizationType | None) -> bytes:
    tensor = np.ascontiguousarray(tensor, dtype=np.float32)
    if tensor.ndim < 2 or name in _ALWAYS_FLOAT32:
        kind, data = _FLOAT32, tensor.tobytes()
    elif tensor.ndim == 2 and weight_type is not None:
        kind, data = int(weight_type), quants.quantize(tensor, weight_type).tobytes()
    else:
        kind, data = _FLOAT16, tensor.astype(np.float16).tobytes()
    label = name.encode()
    head = struct.pack("<3i", tensor.ndim, len(label), kind)
    return head + struct.pack(f"<{tensor.ndim}i", *reversed(tensor.shape)) + label + data


def _tensors(model: Model) -> Iterator[tuple[str, np.ndarray]]:
    """All tensors under their ggml names, one at a time to keep memory low."""
    yield "decoder.positional_embedding", model["decoder/position_encodings/encodings"]
    yield "encoder.positional_embedding", model["encoder/position_encodings/encodings"]
    yield "decoder.token_embedding.weight", model["decoder/embeddings/weight"]
    for layer in range(_layers(model, "decoder")):
        yield from _block(model, f"decoder.blocks.{layer}.", f"decoder/layer_{layer}/", cross_attention=True)
    yield from _norm(model, "decoder.ln", "decoder/layer_norm")
    for convolution in ("conv1", "conv2"):
        yield f"encoder.{convolution}.weight", model[f"encoder/{convolution}/weight"]
        yield f"encoder.{convolution}.bias", model[f"encoder/{convolution}/bias"].reshape(-1, 1)
    for layer in range(_layers(model, "encoder")):
        yield from _block(model, f"encoder.blocks.{layer}.", f"encoder/layer_{layer}/", cross_attention=False)
    yield from _norm(model, "encoder.ln_post", "encoder/layer_norm")


def _block(model: Model, to: str, of: str, cross_attention: bool) -> Iterator[tuple[str, np.ndarray]]:
    yield from _norm(model, f"{to}mlp_ln", f"{of}ffn/layer_norm")
    yield from _linear(model, f"{to}mlp.0", f"{of}ffn/linear_0")
    yield from _linear(model, f"{to}mlp.2", f"{of}ffn/linear_1")
    attention = f"{of}self_attention/"
    yield from _norm(model, f"{to}attn_ln", f"{attention}layer_norm")
    yield from _fused(model, f"{to}attn", f"{attention}linear_0", ("query", "key", "value"))
    yield from _linear(model, f"{to}attn.out", f"{attention}linear_1")
    if cross_attention:
        attention = f"{of}attention/"
        yield from _norm(model, f"{to}cross_attn_ln", f"{attention}layer_norm")
        yield from _linear(model, f"{to}cross_attn.query", f"{attention}linear_0")
        yield from _fused(model, f"{to}cross_attn", f"{attention}linear_1", ("key", "value"))
        yield from _linear(model, f"{to}cross_attn.out", f"{attention}linear_2")


def _fused(model: Model, to: str, of: str, parts: tuple[str, ...]) -> Iterator[tuple[str, np.ndarray]]:
    """Splits CTranslate2's joined projection. Whisper's keys have no bias, so theirs must be zero."""
    weights = np.split(model[f"{of}/weight"], len(parts))
    biases = np.split(model[f"{of}/bias"], len(parts))
    for part, weight, bias in zip(parts, weights, biases, strict=True):
        yield f"{to}.{part}.weight", weight
        if part != "key":
            yield f"{to}.{part}.bias", bias
        elif bias.any():
            raise BuildError(f"{of} of the speech model has a key bias, which ggml cannot hold")


def _linear(model: Model, to: str, of: str) -> Iterator[tuple[str, np.ndarray]]:
    yield f"{to}.weight", model[f"{of}/weight"]
    yield f"{to}.bias", model[f"{of}/bias"]


def _norm(model: Model, to: str, of: str) -> Iterator[tuple[str, np.ndarray]]:
    yield f"{to}.weight", model[f"{of}/gamma"]
    yield f"{to}.bias", model[f"{of}/beta"]


def _layers(model: Model, side: str) -> int:
    count = 0
    while f"{side}/layer_{count}/ffn/linear_0/weight" in model:
        count += 1
    return count
