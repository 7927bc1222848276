"""Makes scale_and_shift.onnx beside this file: y = relu(x * 2 + 1) for four numbers.

Run it in the builder's environment; the same versions give the same bytes.
"""

from pathlib import Path

import onnx
from onnx import TensorProto, helper

x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [4])
y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [4])
constants = [
    helper.make_tensor("two", TensorProto.FLOAT, [1], [2.0]),
    helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0]),
]
nodes = [
    helper.make_node("Mul", ["x", "two"], ["scaled"]),
    helper.make_node("Add", ["scaled", "one"], ["shifted"]),
    helper.make_node("Relu", ["shifted"], ["y"]),
]
graph = helper.make_graph(nodes, "scale_and_shift", [x], [y], constants)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
onnx.checker.check_model(model)
target = Path(__file__).with_name("scale_and_shift.onnx")
target.write_bytes(model.SerializeToString(deterministic=True))
