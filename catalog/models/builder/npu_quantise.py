"""Writes a graph's nodes in float32, or with 16-bit activations and 8-bit weights around every operator.

Both kinds of graph are filled by the same calls. A tensor's range is named
after the tensor, unless it must have the range of another: hardware moves and
joins numbers without rescaling them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from .errors import BuildError

ACTIVATION_LEVELS = 65535
WEIGHT_LEVELS = 255


@dataclass(frozen=True)
class Scale:
    """value = (level - zero) * step"""

    step: np.float32
    zero: int

    @classmethod
    def of(cls, low: float, high: float) -> Scale:
        """The finest 16-bit scale for all of [low, high], with an exact zero."""
        low, high = min(low, 0.0), max(high, 0.0)
        step = np.float32(max(high - low, 1e-4) / ACTIVATION_LEVELS)
        return cls(step, int(np.clip(np.round(-low / step), 0, ACTIVATION_LEVELS)))


class Ranges:
    """Range name -> lowest and highest value that calibration saw."""

    def __init__(self, limits: dict[str, tuple[float, float]]) -> None:
        self._limits = limits

    def scale(self, name: str) -> Scale:
        if name not in self._limits:
            raise BuildError(f"no calibrated range for {name}; calibrate this model's graph again")
        return Scale.of(*self._limits[name])

    def write(self, path: Path) -> None:
        """The same ranges give the same bytes on every run."""
        names = sorted(self._limits)
        np.savez(path, names=np.array(names), limits=np.array([self._limits[name] for name in names], np.float32))

    @classmethod
    def read(cls, path: Path) -> Ranges:
        try:
            with np.load(path, allow_pickle=False) as archive:
                names, limits = archive["names"], archive["limits"]
        except (OSError, ValueError, KeyError) as error:
            raise BuildError(f"{path}: holds no calibrated ranges ({error}); calibrate again") from error
        return cls({str(name): (float(low), float(high)) for name, (low, high) in zip(names, limits)})


class FloatGraph:
    """Collects nodes; every node is named after its first output."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        self.tensors_of: dict[str, list[str]] = {}
        """Range that calibration is to find -> the tensors that have it."""
        self._range: dict[str, str] = {}
        self._stored: set[str] = set()
        self._fixed: dict[str, tuple[float, float]] = {}

    def range_of(self, tensor: str) -> str:
        return self._range[tensor]

    def input(
        self, name: str, shape: list[int], fixed: tuple[float, float] | None = None, range_of: str | None = None
    ) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        self._has_range(name, range_of, fixed)
        return self._rounded_input(name)

    def output(self, x: str, name: str, shape: list[int]) -> None:
        self.outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        self._give_out(x, name)

    def constant(self, name: str, value: np.ndarray) -> str:
        return self._store(name, value)

    def matmul(self, x: str, weight: np.ndarray, out: str) -> str:
        """x times the transpose of `weight`.

        Hardware has one scale for all weights of this operator. So every column is stored as a share of
        its largest weight, and the products are multiplied by that afterwards: as exact as a scale a column.
        """
        largest = np.maximum(np.abs(weight).max(axis=1), np.float32(1e-8))
        shares = self.add("MatMul", [x, self._store_weight(f"{out}.weight", (weight / largest[:, None]).T)], f"{out}.shares")
        return self.add("Mul", [shares, self.constant(f"{out}.largest", largest)], out)

    def add(
        self,
        operator: str,
        inputs: list[str],
        out: str,
        range_of: str | None = None,
        fixed: tuple[float, float] | None = None,
        **attributes,
    ) -> str:
        """Appends a node. Its range is `fixed`, or that named `range_of`, or one of its own."""
        self._has_range(out, range_of, fixed)
        return self._append(operator, inputs, [out], attributes)[0]

    def move(self, operator: str, x: str, out: str, shape: list[int] | None = None, **attributes) -> str:
        """A node that only moves numbers, and so keeps their range."""
        inputs = [x] if shape is None else [x, self._store_integers(shape)]
        self._has_range(out, self._range[x], None)
        return self._append(operator, inputs, [out], attributes)[0]

    def split(self, x: str, outs: list[str], sizes: list[int]) -> list[str]:
        """Cuts the last axis."""
        for out in outs:
            self._has_range(out, self._range[x], None)
        return self._append("Split", [x, self._store_integers(sizes)], outs, {"axis": -1})

    def _has_range(self, tensor: str, range_of: str | None, fixed: tuple[float, float] | None) -> None:
        name = range_of or tensor
        self._range[tensor] = name
        if fixed is not None:
            self._fixed[name] = fixed
        elif name not in self._fixed:
            self.tensors_of.setdefault(name, []).append(tensor)

    def _node(self, operator: str, inputs: list[str], outputs: list[str], **attributes) -> None:
        self.nodes.append(helper.make_node(operator, inputs, outputs, name=outputs[0], **attributes))

    def _store(self, name: str, value: np.ndarray) -> str:
        """Appends a constant unless it is there already."""
        if name not in self._stored:
            self._stored.add(name)
            self.constants.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def _store_integers(self, numbers: list[int]) -> str:
        return self._store("integers." + ".".join(map(str, numbers)), np.array(numbers, np.int64))

    # What differs between the kinds of graph:

    def _append(self, operator: str, inputs: list[str], outputs: list[str], attributes: dict) -> list[str]:
        self._node(operator, inputs, outputs, **attributes)
        return outputs

    def _rounded_input(self, name: str) -> str:
        return name

    def _give_out(self, x: str, name: str) -> None:
        self._node("Identity", [x], [name])

    def _store_weight(self, name: str, weight: np.ndarray) -> str:
        return self._store(name, weight)


class QuantisedGraph(FloatGraph):
    """The same nodes, each between QuantizeLinear and DequantizeLinear.

    A node's name for others is that of its exact result; what they read is the rounded one.
    """

    def __init__(self, ranges: Ranges) -> None:
        super().__init__()
        self._ranges = ranges

    def constant(self, name: str, value: np.ndarray) -> str:
        scale = Scale.of(float(np.min(value)), float(np.max(value)))
        levels = np.clip(np.round(value / scale.step) + scale.zero, 0, ACTIVATION_LEVELS).astype(np.uint16)
        return self._dequantised_constant(name, levels, scale)

    def _store_weight(self, name: str, weight: np.ndarray) -> str:
        half = WEIGHT_LEVELS // 2
        scale = Scale(np.float32(max(float(np.abs(weight).max()), 1e-8) / half), half + 1)
        levels = (np.round(weight / scale.step) + scale.zero).astype(np.uint8)
        return self._dequantised_constant(name, levels, scale)

    def _dequantised_constant(self, name: str, levels: np.ndarray, scale: Scale) -> str:
        inputs = [self._store(f"{name}.levels", levels), *self._scale(f"{name}.levels", scale, levels.dtype)]
        self._node("DequantizeLinear", inputs, [name])
        return name

    def _append(self, operator: str, inputs: list[str], outputs: list[str], attributes: dict) -> list[str]:
        exact = [f"{out}.exact" for out in outputs]
        self._node(operator, inputs, exact, **attributes)
        for source, out in zip(exact, outputs):
            self._round(source, out)
        return outputs

    def _round(self, source: str, out: str) -> None:
        parameters = self._scale_of(self._range[out])
        self._node("QuantizeLinear", [source, *parameters], [f"{out}.levels"])
        self._node("DequantizeLinear", [f"{out}.levels", *parameters], [out])

    def _rounded_input(self, name: str) -> str:
        # Others know the input by its name, so it is the rounded one that is called differently.
        rounded = f"{name}.rounded"
        self._range[rounded] = self._range[name]
        self._round(name, rounded)
        return rounded

    def _give_out(self, x: str, name: str) -> None:
        self._node("DequantizeLinear", [f"{x}.levels", *self._scale_of(self._range[x])], [name])

    def _scale_of(self, range_name: str) -> list[str]:
        fixed = self._fixed.get(range_name)
        scale = Scale.of(*fixed) if fixed is not None else self._ranges.scale(range_name)
        return self._scale(f"range.{range_name}", scale, np.dtype(np.uint16))

    def _scale(self, name: str, scale: Scale, kind: np.dtype) -> list[str]:
        step = self._store(f"{name}.step", np.array(scale.step, np.float32))
        return [step, self._store(f"{name}.zero", np.array(scale.zero, kind))]
