"""Makes made_up_voice.onnx beside this file: a voice activity model that takes and gives what Silero's does, of operators
that every execution provider has. It finds speech where it is loud, or has just been.

Run it in the builder's environment; the same versions give the same bytes.
"""

from pathlib import Path

import onnx
from onnx import TensorProto, helper

LOUD = 100.0
KEPT = 0.5  # of the state
HALF = 2.0  # of such loudness: speech or not, half and half

inputs = [
    helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 576]),
    helper.make_tensor_value_info("state", TensorProto.FLOAT, [2, 1, 128]),
    helper.make_tensor_value_info("sr", TensorProto.INT64, []),
]
outputs = [
    helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1]),
    helper.make_tensor_value_info("stateN", TensorProto.FLOAT, [2, 1, 128]),
]
constants = [
    helper.make_tensor(name, TensorProto.FLOAT, [1], [number])
    for name, number in (("loud", LOUD), ("kept", KEPT), ("nothing", 0.0), ("half", HALF))
]
nodes = [
    helper.make_node("Abs", ["input"], ["amplitude"]),
    helper.make_node("ReduceMean", ["amplitude"], ["mean"], axes=[1], keepdims=1),
    helper.make_node("Mul", ["mean", "loud"], ["loudness"]),
    # The rate makes no difference, but a graph has to use all that it is given.
    helper.make_node("Cast", ["sr"], ["rate"], to=TensorProto.FLOAT),
    helper.make_node("Mul", ["rate", "nothing"], ["no_rate"]),
    helper.make_node("Add", ["loudness", "no_rate"], ["new"]),
    helper.make_node("Mul", ["state", "kept"], ["old"]),
    helper.make_node("Add", ["old", "new"], ["stateN"]),
    helper.make_node("ReduceMean", ["stateN"], ["speech"], axes=[0], keepdims=0),
    helper.make_node("ReduceMean", ["speech"], ["probability"], axes=[1], keepdims=1),
    helper.make_node("Sub", ["probability", "half"], ["centred"]),
    helper.make_node("Sigmoid", ["centred"], ["output"]),
]
graph = helper.make_graph(nodes, "made_up_voice", inputs, outputs, constants)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
onnx.checker.check_model(model)
target = Path(__file__).with_name("made_up_voice.onnx")
target.write_bytes(model.SerializeToString(deterministic=True))
