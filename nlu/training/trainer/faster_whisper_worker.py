"""faster-whisper, asked as `codriverctl hear --lines` is: a file name a line, an answer a line.

    python -m trainer.faster_whisper_worker MODEL THREADS BEAM
"""

from __future__ import annotations

import json
import sys
import time

from faster_whisper import WhisperModel

folder, threads, beam = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
model = WhisperModel(folder, device="cpu", compute_type="int8", cpu_threads=threads, num_workers=1)
for line in sys.stdin:
    began = time.monotonic()
    segments, _ = model.transcribe(line.strip(), beam_size=beam, language="en", condition_on_previous_text=False)
    text = " ".join(segment.text.strip() for segment in segments)  # only now is it decoded
    print(json.dumps({"text": text, "ms": (time.monotonic() - began) * 1000}), flush=True)
