"""An adapter: what training changed of a base model, small enough to be kept with the source.

A NumPy archive (`.npz`) that holds for every changed weight, under its name in the base's file,
    <weight>/down   float16 [rank, columns]
    <weight>/up     float16 [rows, rank]       the weight becomes weight + up @ down
and for language models, where the vocabulary was cut,
    kept_tokens     int32 [tokens]             ids of the base that stay, ascending
and
    commands        text [commands]            names of the commands that were taught
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from .errors import BuildError

EMBEDDING = "token_embd.weight"
PER_TOKEN_FIELDS = ("tokens", "scores", "token_type")


class AdaptedWeights:
    """The weights and fields of a base model with an adapter merged in."""

    def __init__(self, base, adapter: dict[str, np.ndarray]) -> None:
        self.path = base.path
        self.fields = dict(base.fields)
        self._base = base
        self._adapter = adapter
        self._kept = adapter.get("kept_tokens")
        if self._kept is not None:
            for name in PER_TOKEN_FIELDS:
                whole = base.fields[f"tokenizer.ggml.{name}"]
                self.fields[f"tokenizer.ggml.{name}"] = [whole[index] for index in self._kept]
            for name, whole in base.fields.items():
                if name.startswith("tokenizer.ggml.") and name.endswith("_token_id"):
                    self.fields[name] = int(np.searchsorted(self._kept, whole))

    def __contains__(self, name: str) -> bool:
        return name in self._base

    def __getitem__(self, name: str) -> np.ndarray:
        weight = self._base[name]
        if name == EMBEDDING and self._kept is not None:
            weight = weight[self._kept]
        return _adapted(weight, name, self._adapter)

    def field(self, name: str, default=None):
        value = self.fields.get(name, default)
        if value is None:
            raise BuildError(f"{self.path}: field {name} is missing")
        return value


class AdaptedSpeech:
    """A recogniser as `ctranslate2.Model` has it, with an adapter merged in."""

    def __init__(self, base, adapter: dict[str, np.ndarray]) -> None:
        changed = {name.removesuffix("/up").removesuffix("/down") for name in adapter}
        if unknown := sorted(name for name in changed if name not in base):
            raise BuildError(f"the adapter changes {unknown[0]}, which the speech model lacks; it was trained on another")
        self._base = base
        self._adapter = adapter

    def __contains__(self, name: str) -> bool:
        return name in self._base

    def __getitem__(self, name: str) -> np.ndarray:
        return _adapted(self._base[name], name, self._adapter)

    def number(self, name: str) -> int:
        return self._base.number(name)


def _adapted(weight: np.ndarray, name: str, adapter: dict[str, np.ndarray]) -> np.ndarray:
    if f"{name}/up" not in adapter:
        return weight
    up, down = (adapter[f"{name}/{part}"].astype(np.float32) for part in ("up", "down"))
    if (up.shape[0], down.shape[1]) != weight.shape:
        raise BuildError(f"the adapter does not fit {name}; it was trained on another base")
    return weight + _product(up, down)


def _product(up: np.ndarray, down: np.ndarray) -> np.ndarray:
    """`up @ down`, to the last bit the same on every processor: BLAS sums in an order of its own."""
    product = np.zeros((up.shape[0], down.shape[1]), np.float32)
    for column, row in zip(up.T, down):
        product += np.multiply.outer(column, row)
    return product


def read(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an adapter file."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return dict(archive)
    except FileNotFoundError:
        raise BuildError(f"{path} does not exist; it is part of the source, check it out again") from None
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise BuildError(f"{path}: is no adapter ({error})") from error
