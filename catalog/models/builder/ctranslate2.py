"""Reads a CTranslate2 model file into named arrays."""

from __future__ import annotations

import struct

import numpy as np

from .errors import BuildError

_TYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
_SUPPORTED = ("WhisperSpec", 6)
"""Model specification and version of the binary format."""


class Model:
    """The variables of a CTranslate2 model. Aliases (tied weights) are resolved."""

    def __init__(self, variables: dict[str, np.ndarray]) -> None:
        self._variables = variables

    def __contains__(self, name: str) -> bool:
        return name in self._variables

    def __getitem__(self, name: str) -> np.ndarray:
        """The variable as float32; int8 weights are multiplied out with their row scales."""
        value = self._raw(name)
        if value.dtype == np.int8 and value.ndim == 2:
            return value.astype(np.float32) / self._raw(f"{name}_scale").reshape(-1, 1)
        return value.astype(np.float32)

    def number(self, name: str) -> int:
        """A variable that holds one whole number."""
        return int(self._raw(name))

    def _raw(self, name: str) -> np.ndarray:
        value = self._variables.get(name)
        if value is None:
            raise BuildError(f"the speech model has no variable {name}; it is not a Whisper model of the known form")
        return value


def read(blob: bytes) -> Model:
    """Parses the whole file `blob`; every byte must be accounted for."""
    cursor = _Cursor(blob)
    try:
        version, specification = cursor.number("I"), cursor.text()
        if (specification, version) != _SUPPORTED:
            raise BuildError(f"the speech model is {specification} in format {version}; only {_SUPPORTED} can be read")
        cursor.number("I")  # revision of the specification
        variables = dict(cursor.variable() for _ in range(cursor.number("I")))
        for _ in range(cursor.number("I")):
            alias, name = cursor.text(), cursor.text()
            variables[alias] = variables[name]
    except (struct.error, ValueError, KeyError) as error:
        raise BuildError(f"the speech model file is damaged at byte {cursor.at}: {error}") from error
    if cursor.at != len(blob):
        raise BuildError(f"the speech model file has {len(blob) - cursor.at} bytes too many; it is not what it seems")
    return Model(variables)


class _Cursor:
    def __init__(self, blob: bytes) -> None:
        self._blob = blob
        self.at = 0

    def number(self, form: str) -> int:
        (value,) = struct.unpack_from(f"<{form}", self._blob, self.at)
        self.at += struct.calcsize(f"<{form}")
        return value

    def text(self) -> str:
        length = self.number("H")  # counts the closing zero byte
        text = self._blob[self.at : self.at + length]
        if len(text) != length or not text.endswith(b"\0"):
            raise ValueError("a name is cut short")
        self.at += length
        return text[:-1].decode()

    def variable(self) -> tuple[str, np.ndarray]:
        name = self.text()
        shape = [self.number("I") for _ in range(self.number("B"))]
        kind = np.dtype(_TYPES[self.number("B")])
        size = self.number("I")
        values = np.frombuffer(self._blob, kind, size // kind.itemsize, self.at).reshape(shape)
        self.at += size
        return name, values
