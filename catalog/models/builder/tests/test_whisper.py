"""The speech model's reader and writer, on a model small enough to check by hand."""

from __future__ import annotations

import io
import struct
import tempfile
import unittest
from pathlib import Path

import numpy as np

from builder import ctranslate2
from builder.errors import BuildError
from builder.whisper_ggml import Assets, write

WIDTH, VOCABULARY = 32, 51865


def text(value: str) -> bytes:
    return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"


def variable(name: str, array: np.ndarray) -> bytes:
    types = {np.dtype(np.float32): 0, np.dtype(np.int8): 1, np.dtype(np.float16): 4}
    head = text(name) + struct.pack("<B", array.ndim) + struct.pack(f"<{array.ndim}I", *array.shape)
    return head + struct.pack("<BI", types[array.dtype], array.nbytes) + array.tobytes()


def model(variables: dict[str, np.ndarray], specification: str = "WhisperSpec") -> bytes:
    body = b"".join(variable(name, array) for name, array in variables.items())
    return struct.pack("<I", 6) + text(specification) + struct.pack("<II", 3, len(variables)) + body + bytes(4)


def smallest_whisper(key_bias: float = 0.0) -> dict[str, np.ndarray]:
    """A Whisper with no layers but one encoder layer, all ones."""

    def ones(*shape: int) -> np.ndarray:
        return np.ones(shape, np.float32)

    bias = ones(3 * WIDTH)
    bias[WIDTH : 2 * WIDTH] = key_bias
    layer = "encoder/layer_0/"
    return {
        "decoder/embeddings/weight": ones(VOCABULARY, WIDTH).astype(np.float16),
        "decoder/position_encodings/encodings": ones(4, WIDTH),
        "encoder/position_encodings/encodings": ones(8, WIDTH),
        "encoder/num_heads": np.array(2, np.int8),
        "decoder/num_heads": np.array(2, np.int8),
        **{f"{side}/layer_norm/{part}": ones(WIDTH) for side in ("encoder", "decoder") for part in ("gamma", "beta")},
        **{f"{layer}{norm}/layer_norm/{part}": ones(WIDTH) for norm in ("ffn", "self_attention") for part in ("gamma", "beta")},
        **{f"{layer}ffn/linear_{i}/weight": ones(WIDTH, WIDTH) for i in (0, 1)},
        **{f"{layer}ffn/linear_{i}/bias": ones(WIDTH) for i in (0, 1)},
        f"{layer}self_attention/linear_0/weight": ones(3 * WIDTH, WIDTH),
        f"{layer}self_attention/linear_0/bias": bias,
        f"{layer}self_attention/linear_1/weight": ones(WIDTH, WIDTH),
        f"{layer}self_attention/linear_1/bias": ones(WIDTH),
        **{f"encoder/conv{i}/weight": ones(WIDTH, WIDTH, 3) for i in (1, 2)},
        **{f"encoder/conv{i}/bias": ones(WIDTH) for i in (1, 2)},
    }


class Whisper(unittest.TestCase):
    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.path = Path(scratch.name) / "ggml.bin"
        self.assets = Assets(np.zeros((80, 201), np.float32), [b"a", b"bc"])

    def test_the_header_holds_the_sizes_of_the_model(self) -> None:
        write(ctranslate2.read(model(smallest_whisper())), self.assets, "q8_0", self.path)
        header = struct.unpack_from("<I11i", self.path.read_bytes())
        self.assertEqual(header, (0x67676D6C, VOCABULARY, 8, WIDTH, 2, 1, 4, WIDTH, 2, 0, 80, 2007))

    def test_an_english_only_model_gets_the_end_of_the_text_as_its_last_token(self) -> None:
        tokens = {}
        for vocabulary in (VOCABULARY, VOCABULARY - 1):
            variables = smallest_whisper()
            variables["decoder/embeddings/weight"] = np.ones((vocabulary, WIDTH), np.float16)
            write(ctranslate2.read(model(variables)), self.assets, "q8_0", self.path)
            written = self.path.read_bytes()
            at = struct.calcsize("<I11i2i") + self.assets.mel_filters.nbytes
            (tokens[vocabulary],) = struct.unpack_from("<i", written, at)
            self.assertEqual(b"<|endoftext|>" in written, vocabulary < VOCABULARY)
        self.assertEqual(tokens, {VOCABULARY: 2, VOCABULARY - 1: 3})

    def test_keys_lose_their_bias_and_other_projections_keep_theirs(self) -> None:
        write(ctranslate2.read(model(smallest_whisper())), self.assets, "f16", self.path)
        written = self.path.read_bytes()
        self.assertIn(b"encoder.blocks.0.attn.query.bias", written)
        self.assertIn(b"encoder.blocks.0.attn.key.weight", written)
        self.assertNotIn(b"encoder.blocks.0.attn.key.bias", written)

    def test_a_key_bias_is_refused_rather_than_dropped(self) -> None:
        with self.assertRaisesRegex(BuildError, "key bias"):
            write(ctranslate2.read(model(smallest_whisper(key_bias=0.5))), self.assets, "q8_0", self.path)

    def test_a_model_cut_short_anywhere_is_refused(self) -> None:
        whole = model(smallest_whisper())
        for length in (0, 3, 10, 40, len(whole) // 2, len(whole) - 1):
            with self.subTest(length), self.assertRaisesRegex(BuildError, "damaged"):
                ctranslate2.read(whole[:length])

    def test_another_kind_of_model_is_refused_by_name(self) -> None:
        with self.assertRaisesRegex(BuildError, "TransformerSpec"):
            ctranslate2.read(model({}, specification="TransformerSpec"))

    def test_eight_bit_rows_are_multiplied_out_with_their_scales(self) -> None:
        rows = {"w": np.array([[2, 4], [6, 8]], np.int8), "w_scale": np.array([2, 4], np.float32)}
        np.testing.assert_array_equal(ctranslate2.read(model(rows))["w"], [[1, 2], [1.5, 2]])

    def test_assets_are_read_from_whispers_own_files(self) -> None:
        filters = io.BytesIO()
        np.savez(filters, mel_80=np.ones((80, 201), np.float32))
        filters.seek(0)
        assets = Assets.read(filters, io.BytesIO(b"YQ== 0\nYmM= 1\n"))
        self.assertEqual((assets.mel_filters.shape, assets.tokens), ((80, 201), [b"a", b"bc"]))
