"""An adapter changes exactly the weights it names, and cuts the vocabulary everywhere at once."""

import tempfile
import unittest
from pathlib import Path

import numpy as np

from builder import adapter, ctranslate2
from builder.errors import BuildError


class Base:
    """Two weights and a vocabulary of four, as a GGUF file would give them."""

    path = Path("base.gguf")
    fields = {
        "tokenizer.ggml.tokens": ["<unk>", "a", "b", "c"],
        "tokenizer.ggml.scores": [0.0, -1.0, -2.0, -3.0],
        "tokenizer.ggml.token_type": [2, 1, 1, 1],
        "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.ggml.eos_token_id": 3,
    }
    weights = {
        "token_embd.weight": np.arange(8, dtype=np.float32).reshape(4, 2),
        "blk.0.attn_q.weight": np.ones((3, 2), np.float32),
    }

    def __contains__(self, name: str) -> bool:
        return name in self.weights

    def __getitem__(self, name: str) -> np.ndarray:
        return self.weights[name]


class Adapter(unittest.TestCase):
    def adapted(self, **arrays) -> adapter.AdaptedWeights:
        return adapter.AdaptedWeights(Base(), arrays)

    def test_a_weight_becomes_itself_plus_up_times_down(self) -> None:
        name = "blk.0.attn_q.weight"
        up, down = np.array([[1], [2], [3]], np.float16), np.array([[10, 20]], np.float16)
        merged = self.adapted(**{f"{name}/up": up, f"{name}/down": down})[name]
        np.testing.assert_array_equal(merged, [[11, 21], [21, 41], [31, 61]])

    def test_a_weight_it_does_not_name_stays(self) -> None:
        np.testing.assert_array_equal(self.adapted()["blk.0.attn_q.weight"], np.ones((3, 2)))

    def test_kept_tokens_cut_embedding_pieces_and_ids_alike(self) -> None:
        adapted = self.adapted(kept_tokens=np.array([0, 2, 3], np.int32))
        np.testing.assert_array_equal(adapted["token_embd.weight"], [[0, 1], [4, 5], [6, 7]])
        self.assertEqual(adapted.field("tokenizer.ggml.tokens"), ["<unk>", "b", "c"])
        self.assertEqual(adapted.field("tokenizer.ggml.scores"), [0.0, -2.0, -3.0])
        self.assertEqual(adapted.field("tokenizer.ggml.eos_token_id"), 2)

    def test_an_adapter_of_another_base_is_refused(self) -> None:
        name = "blk.0.attn_q.weight"
        up, down = np.ones((5, 1), np.float16), np.ones((1, 2), np.float16)
        with self.assertRaisesRegex(BuildError, "trained on another base"):
            self.adapted(**{f"{name}/up": up, f"{name}/down": down})[name]

    def test_of_a_recogniser_it_changes_what_it_names_and_nothing_else(self) -> None:
        name = "encoder/layer_0/ffn/linear_0/weight"
        base = ctranslate2.Model({name: np.ones((2, 2), np.float32), "bias": np.ones(2, np.float32)})
        up, down = np.array([[1], [2]], np.float16), np.array([[10, 20]], np.float16)
        adapted = adapter.AdaptedSpeech(base, {f"{name}/up": up, f"{name}/down": down})
        np.testing.assert_array_equal(adapted[name], [[11, 21], [21, 41]])
        np.testing.assert_array_equal(adapted["bias"], [1, 1])

    def test_a_recogniser_that_lacks_what_it_changes_is_refused(self) -> None:
        base = ctranslate2.Model({"bias": np.ones(2, np.float32)})
        with self.assertRaisesRegex(BuildError, "encoder/layer_9/weight, which the speech model lacks"):
            adapter.AdaptedSpeech(base, {"encoder/layer_9/weight/up": np.ones((2, 1), np.float16)})

    def test_a_file_that_is_no_adapter_is_named(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "x.npz"
            with self.assertRaisesRegex(BuildError, "x.npz does not exist"):
                adapter.read(path)
            path.write_bytes(b"not a zip")
            with self.assertRaisesRegex(BuildError, "x.npz: is no adapter"):
                adapter.read(path)


if __name__ == "__main__":
    unittest.main()
