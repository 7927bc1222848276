"""The frozen backbone: 16 kHz sound as one vector of 96 numbers every 80 ms.

The same steps in the same order as `asr/src/wake/embedding.rs`; a head is only worth
something where both agree.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

HOP = 1280
"""Samples between two vectors: 80 ms."""
OVERLAP = 480
"""Samples before a hop that its spectrum needs too."""
HOP_FRAMES = 8
"""Spectrum frames of a hop."""
FRAMES = 76
"""Spectrum frames a vector is made of: 760 ms."""
BANDS = 32
WIDTH = 96
_SILENT = -8.0
"""A band of digital silence, scaled as below."""


class Embedding:
    """The backbone of an installed model pack."""

    def __init__(self, pack: Path) -> None:
        import onnxruntime  # only training needs it; the head's tests do without

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = lambda name: onnxruntime.InferenceSession(  # noqa: E731
            str(pack / name), sess_options=options, providers=["CPUExecutionProvider"]
        )
        self._spectrum = session("melspectrogram.onnx")
        self._embedding = session("embedding_model.onnx")

    def of(self, samples: np.ndarray) -> np.ndarray:
        """The vectors, [hops, 96], of sound (16 bit) that begins out of digital silence."""
        hops = len(samples) // HOP
        sound = np.concatenate([np.zeros(OVERLAP), samples[: hops * HOP]]).astype(np.float32)
        pieces = np.stack([sound[hop * HOP : (hop + 1) * HOP + OVERLAP] for hop in range(hops)])
        (frames,) = self._spectrum.run(None, {"input": pieces})
        frames = frames.reshape(hops * HOP_FRAMES, BANDS) / 10 + 2
        frames = np.concatenate([np.full((FRAMES, BANDS), _SILENT, np.float32), frames])
        ends = FRAMES + HOP_FRAMES * np.arange(1, hops + 1)
        windows = np.stack([frames[end - FRAMES : end] for end in ends])[..., None]
        (vectors,) = self._embedding.run(None, {"input_1": windows})
        return vectors.reshape(hops, WIDTH)

    def of_silence(self) -> np.ndarray:
        """What stands in for vectors from before the sound began."""
        window = np.full((1, FRAMES, BANDS, 1), _SILENT, np.float32)
        (vectors,) = self._embedding.run(None, {"input_1": window})
        return vectors.reshape(WIDTH)
