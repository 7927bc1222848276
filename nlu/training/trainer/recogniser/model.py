"""Whisper in PyTorch, with low-rank adapters on its linear layers.

Weights and names are those of the CTranslate2 file that the pack builder reads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F


@dataclass(frozen=True)
class Adapted:
    """How many layers learn, counted from the top."""

    encoder: int
    decoder: int


class Whisper(torch.nn.Module):
    """A frozen base and its trainable adapters."""

    def __init__(self, weights, rank: int, adapted: Adapted, generator: torch.Generator) -> None:
        super().__init__()
        self._heads = weights.number("encoder/num_heads")
        self.layers = layers_of(weights, "encoder")
        self._writing_layers = layers_of(weights, "decoder")
        self.first_adapted = self.layers - adapted.encoder
        # A copy: what comes from the file may be read-only.
        self._base = {name: torch.tensor(weights[name]) for name in self._names(weights)}
        adapters = {}
        for name in self.linear_names():
            if self._learns(name, adapted):
                rows, columns = self._base[name].shape
                down = torch.randn(rank, columns, generator=generator) / math.sqrt(columns)
                adapters[_key(name, "down")] = torch.nn.Parameter(down)
                adapters[_key(name, "up")] = torch.nn.Parameter(torch.zeros(rows, rank))
        self.adapters = torch.nn.ParameterDict(adapters)

    def linear_names(self) -> list[str]:
        """The weights of all linear layers, the encoder's first."""
        blocks = [f"encoder/layer_{layer}/" for layer in range(self.layers)]
        blocks += [f"decoder/layer_{layer}/" for layer in range(self._writing_layers)]
        names = []
        for block in blocks:
            parts = ["self_attention/linear_0", "self_attention/linear_1", "ffn/linear_0", "ffn/linear_1"]
            if block.startswith("decoder"):
                parts += ["attention/linear_0", "attention/linear_1", "attention/linear_2"]
            names += [f"{block}{part}/weight" for part in parts]
        return names

    def _learns(self, name: str, adapted: Adapted) -> bool:
        half, layer = name.split("/")[:2]
        number = int(layer.removeprefix("layer_"))
        if half == "encoder":
            return number >= self.first_adapted
        return number >= self._writing_layers - adapted.decoder

    def _names(self, weights) -> list[str]:
        names = [
            *("encoder/position_encodings/encodings", "decoder/position_encodings/encodings"),
            *(f"encoder/{part}" for part in ("conv1/weight", "conv1/bias", "conv2/weight", "conv2/bias")),
            *(f"{half}/layer_norm/{part}" for half in ("encoder", "decoder") for part in ("gamma", "beta")),
            "decoder/embeddings/weight",
        ]
        for name in self.linear_names():
            bias, norm = _sibling(name, "bias"), name.rsplit("/", 2)[0] + "/layer_norm/"
            names += [name, bias] if bias in weights else [name]
            names += [f"{norm}{part}" for part in ("gamma", "beta") if f"{norm}{part}" not in names]
        return names

    def to_precision(self, precision: torch.dtype, device: torch.device) -> Whisper:
        """Moves the frozen weights; the adapters stay in float32."""
        for name, weight in self._base.items():
            matrix = weight.dim() >= 2 and "position" not in name
            self._base[name] = weight.to(device, precision if matrix else torch.float32)
        return self.to(device)

    def frozen(self, spectrum: torch.Tensor) -> torch.Tensor:
        """[batch, 80, 2 * positions] as the first layers hear it that nothing changes: [batch, positions, width]."""
        base = self._base
        heard = spectrum.to(base["encoder/conv1/weight"].dtype)
        heard = F.gelu(F.conv1d(heard, base["encoder/conv1/weight"], base["encoder/conv1/bias"].to(heard.dtype), padding=1))
        heard = F.gelu(F.conv1d(heard, base["encoder/conv2/weight"], base["encoder/conv2/bias"].to(heard.dtype), 2, 1))
        hidden = heard.transpose(1, 2).float()
        hidden = hidden + base["encoder/position_encodings/encodings"][: hidden.shape[1]]
        for layer in range(self.first_adapted):
            hidden = self._encoder_layer(layer, hidden)
        return hidden

    def heard(self, hidden: torch.Tensor) -> torch.Tensor:
        """What the decoder attends to, from what `frozen` made."""
        for layer in range(self.first_adapted, self.layers):
            hidden = self._encoder_layer(layer, hidden)
        return self._norm(hidden, "encoder/layer_norm")

    def forward(self, hidden: torch.Tensor, tokens: torch.Tensor, scored: torch.Tensor) -> torch.Tensor:
        """Logits [places, vocabulary] behind the tokens [batch, length] where `scored` is true."""
        heard, base = self.heard(hidden), self._base
        written = F.embedding(tokens, base["decoder/embeddings/weight"]).float()
        written = written + base["decoder/position_encodings/encodings"][: tokens.shape[1]]
        for layer in range(self._writing_layers):
            block = f"decoder/layer_{layer}"
            written = written + self._self_attention(f"{block}/self_attention", written, causal=True)
            written = written + self._cross_attention(f"{block}/attention", written, heard)
            written = written + self._feed_forward(f"{block}/ffn", written)
        return F.linear(self._norm(written[scored], "decoder/layer_norm"), base["decoder/embeddings/weight"])

    def _encoder_layer(self, layer: int, hidden: torch.Tensor) -> torch.Tensor:
        block = f"encoder/layer_{layer}"
        hidden = hidden + self._self_attention(f"{block}/self_attention", hidden, causal=False)
        return hidden + self._feed_forward(f"{block}/ffn", hidden)

    def _self_attention(self, name: str, x: torch.Tensor, causal: bool) -> torch.Tensor:
        query, key, value = self._linear(self._norm(x, f"{name}/layer_norm"), f"{name}/linear_0").chunk(3, -1)
        return self._linear(self._attend(query, key, value, causal), f"{name}/linear_1")

    def _cross_attention(self, name: str, x: torch.Tensor, heard: torch.Tensor) -> torch.Tensor:
        query = self._linear(self._norm(x, f"{name}/layer_norm"), f"{name}/linear_0")
        key, value = self._linear(heard, f"{name}/linear_1").chunk(2, -1)
        return self._linear(self._attend(query, key, value, causal=False), f"{name}/linear_2")

    def _attend(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, causal: bool) -> torch.Tensor:
        query, key, value = (x.unflatten(-1, (self._heads, -1)).transpose(1, 2) for x in (query, key, value))
        return F.scaled_dot_product_attention(query, key, value, is_causal=causal).transpose(1, 2).flatten(2)

    def _feed_forward(self, name: str, x: torch.Tensor) -> torch.Tensor:
        inner = F.gelu(self._linear(self._norm(x, f"{name}/layer_norm"), f"{name}/linear_0"))
        return self._linear(inner, f"{name}/linear_1")

    def _norm(self, x: torch.Tensor, name: str) -> torch.Tensor:
        gamma, beta = self._base[f"{name}/gamma"], self._base[f"{name}/beta"]
        return F.layer_norm(x.float(), gamma.shape, gamma, beta)

    def _linear(self, x: torch.Tensor, layer: str) -> torch.Tensor:
        name = f"{layer}/weight"
        result = F.linear(x.to(self._base[name].dtype), self._base[name])
        if (bias := self._base.get(f"{layer}/bias")) is not None:
            result = result + bias.to(result.dtype)
        if _key(name, "up") in self.adapters:
            down, up = self.adapters[_key(name, "down")], self.adapters[_key(name, "up")]
            result = result + F.linear(F.linear(x.to(result.dtype), down.to(result.dtype)), up.to(result.dtype))
        return result


def adapter_of(model: Whisper, name: str) -> tuple[torch.Tensor, torch.Tensor] | None:
    """(down [rank, columns], up [rows, rank]) of a weight that learns."""
    if _key(name, "up") not in model.adapters:
        return None
    return model.adapters[_key(name, "down")], model.adapters[_key(name, "up")]


def layers_of(weights, half: str) -> int:
    count = 0
    while f"{half}/layer_{count}/self_attention/linear_0/weight" in weights:
        count += 1
    return count


def _sibling(name: str, part: str) -> str:
    return f"{name.rsplit('/', 1)[0]}/{part}"


def _key(name: str, part: str) -> str:
    return f"{name}.{part}".replace(".", "_").replace("/", "_")
