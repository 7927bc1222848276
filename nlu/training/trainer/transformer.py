"""The language model in PyTorch, with low-rank adapters on its linear layers.

It computes what the graph of `builder/gguf_onnx.py` computes, in floating
point; weights and names are those of the GGUF file.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from builder.gguf_onnx import GEMMA_LOCAL_ROPE_BASE, Hyperparameters, unpermute

LINEAR = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
NORMS = ("attn_norm", "ffn_norm")
GEMMA_NORMS = ("attn_q_norm", "attn_k_norm", "post_attention_norm", "post_ffw_norm")
LONGEST = 512  # tokens of prompt and answer together


class Transformer(torch.nn.Module):
    """A frozen base and its trainable adapters."""

    def __init__(self, weights, rank: int, generator: torch.Generator) -> None:
        super().__init__()
        self.size = size = Hyperparameters.read(weights)
        self.rank = rank
        self._base: dict[str, torch.Tensor] = {}
        adapters = {}
        for name in self._names():
            # A copy: what comes from the file may be read-only.
            self._base[name] = torch.tensor(self._rows_in_halves(name, weights[name]))
        for name in self.linear_names():
            rows, columns = self._base[name].shape
            down = torch.randn(rank, columns, generator=generator) / math.sqrt(columns)
            adapters[_key(name, "down")] = torch.nn.Parameter(down)
            adapters[_key(name, "up")] = torch.nn.Parameter(torch.zeros(rows, rank))
        self.adapters = torch.nn.ParameterDict(adapters)
        self._rope = {
            "global": _rotary(size.rope_base, size.head_dimension),
            "local": _rotary(GEMMA_LOCAL_ROPE_BASE, size.head_dimension),
        }

    def _names(self) -> list[str]:
        norms = NORMS + (GEMMA_NORMS if self.size.is_gemma else ())
        blocks = [f"blk.{layer}.{part}.weight" for layer in range(self.size.layers) for part in LINEAR + norms]
        return ["token_embd.weight", "output_norm.weight", *blocks]

    def linear_names(self) -> list[str]:
        return [f"blk.{layer}.{part}.weight" for layer in range(self.size.layers) for part in LINEAR]

    def heads_of(self, name: str) -> int:
        """Heads whose rows GGUF interleaves in this weight; 0 where it does not."""
        if self.size.is_gemma or not name.endswith(("attn_q.weight", "attn_k.weight")):
            return 0
        return self.size.heads if "attn_q" in name else self.size.kv_heads

    def _rows_in_halves(self, name: str, weight):
        heads = self.heads_of(name)
        return unpermute(weight, heads) if heads else weight

    def to_precision(self, precision: torch.dtype, device: torch.device) -> Transformer:
        """Moves the frozen weights; the adapters stay in float32."""
        self._base = {
            name: weight.to(device, precision if weight.dim() == 2 else torch.float32)
            for name, weight in self._base.items()
        }
        self._rope = {kind: tuple(t.to(device) for t in table) for kind, table in self._rope.items()}
        return self.to(device)

    def forward(self, ids: torch.Tensor, scored: torch.Tensor) -> torch.Tensor:
        """Logits [places, vocabulary] after the tokens of ids [batch, length] where `scored` is true."""
        size, base = self.size, self._base
        hidden = F.embedding(ids, base["token_embd.weight"]).float()
        if size.is_gemma:
            hidden = hidden * size.width**0.5
        for layer in range(size.layers):
            hidden = hidden + self._attention(layer, hidden)
            hidden = hidden + self._feed_forward(layer, hidden)
        return F.linear(self._norm(hidden[scored], "output_norm"), base["token_embd.weight"])

    def _attention(self, layer: int, hidden: torch.Tensor) -> torch.Tensor:
        size, block = self.size, f"blk.{layer}"
        batch, length, _ = hidden.shape
        normed = self._norm(hidden, f"{block}.attn_norm")
        query, key, value = (
            self._linear(normed, f"{block}.attn_{part}").view(batch, length, -1, size.head_dimension) for part in "qkv"
        )
        if size.is_gemma:
            query = self._norm(query, f"{block}.attn_q_norm")
            key = self._norm(key, f"{block}.attn_k_norm")
        rope = self._rope["local" if size.attends_locally(layer) else "global"]
        query, key = (_rotate(x.transpose(1, 2), rope).to(value.dtype) for x in (query, key))
        share = size.heads // size.kv_heads
        mixed = _attend(
            query * size.head_dimension**-0.5,
            key.repeat_interleave(share, 1),
            value.transpose(1, 2).repeat_interleave(share, 1),
        )
        flat = mixed.transpose(1, 2).reshape(batch, length, -1)
        return self._after(self._linear(flat, f"{block}.attn_output"), f"{block}.post_attention_norm")

    def _feed_forward(self, layer: int, hidden: torch.Tensor) -> torch.Tensor:
        block = f"blk.{layer}"
        normed = self._norm(hidden, f"{block}.ffn_norm")
        gate = self._linear(normed, f"{block}.ffn_gate")
        active = F.gelu(gate, approximate="tanh") if self.size.is_gemma else F.silu(gate)
        output = self._linear(active * self._linear(normed, f"{block}.ffn_up"), f"{block}.ffn_down")
        return self._after(output, f"{block}.post_ffw_norm")

    def _after(self, output: torch.Tensor, norm: str) -> torch.Tensor:
        return self._norm(output, norm) if self.size.is_gemma else output

    def _norm(self, x: torch.Tensor, name: str) -> torch.Tensor:
        weight = self._base[f"{name}.weight"]
        return F.rms_norm(x.float(), (x.shape[-1],), weight, self.size.epsilon)

    def _linear(self, x: torch.Tensor, name: str) -> torch.Tensor:
        name = f"{name}.weight"
        down, up = self.adapters[_key(name, "down")], self.adapters[_key(name, "up")]
        return F.linear(x, self._base[name]) + F.linear(F.linear(x, down), up)


def _key(name: str, part: str) -> str:
    return f"{name}.{part}".replace(".", "/")


def adapter_of(model: Transformer, name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """(down [rank, columns], up [rows, rank]) of a weight, rows in halves."""
    return model.adapters[_key(name, "down")], model.adapters[_key(name, "up")]


def _rotary(base: float, dimension: int) -> tuple[torch.Tensor, torch.Tensor]:
    frequency = base ** (-torch.arange(0, dimension, 2) / dimension)
    angle = torch.outer(torch.arange(LONGEST).float(), frequency)
    return angle.cos(), angle.sin()


def _attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """What every token takes from itself and those before it.

    Written out because sentences are short: PyTorch's own function is an eighth slower on a CPU.
    """
    length = query.shape[2]
    later = torch.full((length, length), -math.inf, device=query.device).triu(1)
    weights = (torch.matmul(query, key.transpose(-1, -2)).float() + later).softmax(-1)
    return torch.matmul(weights.to(value.dtype), value)


def _rotate(x: torch.Tensor, table: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    first, second = x.float().chunk(2, -1)
    cosine, sine = (part[: x.shape[2]] for part in table)
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine], -1)
