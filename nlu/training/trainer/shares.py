"""Where the time of a model's CPU graph goes, by ONNX Runtime's own profile, on one thread.

    python -m trainer shares --model STORE/PACK/model.onnx
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections import Counter
from pathlib import Path

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import numpy as np
import onnxruntime

PROMPT, NEW, PLACES, ROUNDS = 20, 16, 304, 5
PARTS = ("projections", "head", "attention", "norms", "other")


def shares(arguments: argparse.Namespace) -> str:
    """A line a part: milliseconds of a prompt of PROMPT tokens and of one token after it."""
    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = onnxruntime.InferenceSession(str(arguments.model), options, providers=["CPUExecutionProvider"])
        kinds = _run(session)
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    spent = {kind: Counter() for kind in ("prompt", "token")}
    run = -1
    for event in sorted(events, key=lambda event: event["ts"]):
        if event["name"] == "model_run":
            run += 1
        elif event["name"].endswith("_kernel_time") and kinds[run] in spent:
            spent[kinds[run]][_part(event)] += event["dur"] / 1000 / kinds.count(kinds[run])
    lines = [f"{'':14}{f'prompt of {PROMPT}, ms':>18}{'share':>8}{'a token, ms':>14}{'share':>8}"]
    for part in PARTS:
        cells = [(spent[kind][part], spent[kind][part] / spent[kind].total()) for kind in ("prompt", "token")]
        lines.append(f"{part:14}{cells[0][0]:18.2f}{cells[0][1]:8.1%}{cells[1][0]:14.2f}{cells[1][1]:8.1%}")
    lines.append(f"{'all':14}{spent['prompt'].total():18.2f}{'':8}{spent['token'].total():14.2f}")
    return "\n".join(lines)


def _run(session: onnxruntime.InferenceSession) -> list[str]:
    """What each run was: the first round warms up."""
    caches = {}
    for value in session.get_inputs():
        if value.name.startswith("past."):
            shape = [size if isinstance(size, int) else PLACES for size in value.shape]
            caches[value.name] = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros(shape, np.float32))
    kinds = []
    for round_ in range(ROUNDS + 1):
        position = 0
        for count in [PROMPT] + [1] * NEW:
            position += count
            binding = session.io_binding()
            for name, cache in caches.items():
                binding.bind_ortvalue_input(name, cache)
                binding.bind_ortvalue_output(name.replace("past.", "present."), cache)
            binding.bind_cpu_input("input_ids", np.arange(100, 100 + count, dtype=np.int64)[None])
            binding.bind_cpu_input("seqlens_k", np.array([position - 1], np.int32))
            binding.bind_cpu_input("total_sequence_length", np.array(position, np.int32))
            binding.bind_output("logits")
            session.run_with_iobinding(binding)
            kinds.append("warm up" if round_ == 0 else "prompt" if count > 1 else "token")
    return kinds


def _part(event: dict) -> str:
    operator = event["args"]["op_name"]
    if operator == "GroupQueryAttention":
        return "attention"
    if operator == "MatMulNBits":
        # The only one whose result is the vocabulary.
        return "head" if event["name"] == "logits_kernel_time" else "projections"
    return "norms" if "LayerNormalization" in operator else "other"
