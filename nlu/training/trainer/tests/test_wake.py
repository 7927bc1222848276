"""The head of a wake phrase: what it learns, and what is written of it."""

import tempfile
import unittest
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from trainer.wake import head
from trainer.wake.embedding import WIDTH


def made_up() -> tuple[np.ndarray, np.ndarray]:
    """Windows in which one direction is the phrase, a fifth of them, in noise."""
    rng = np.random.default_rng(7)
    wake = np.arange(1000) % 5 == 0
    windows = rng.normal(3, 2, (1000, head.STEPS * WIDTH))
    windows[wake, :WIDTH] += 6
    return windows.astype(np.float32), wake


class Head(unittest.TestCase):
    def test_it_tells_the_phrase_from_the_rest_and_is_the_same_from_the_same_seed(self):
        windows, wake = made_up()
        trained = head.train(windows[:800], wake[:800], 1)
        probabilities = trained.probabilities(windows[800:])
        right = (probabilities > 0.5) == wake[800:]
        self.assertGreater(right.mean(), 0.9)
        again = head.train(windows[:800], wake[:800], 1)
        np.testing.assert_array_equal(trained.first, again.first)

    def test_the_graph_holds_phrase_threshold_and_weights(self):
        windows, wake = made_up()
        trained = head.train(windows, wake, 1)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "hello-car.onnx"
            head.write(trained, path, "hello car", 0.25)
            model = onnx.load(path)
        properties = {entry.key: entry.value for entry in model.metadata_props}
        self.assertEqual(properties, {"phrase": "hello car", "threshold": "0.250"})
        tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        np.testing.assert_allclose(tensors["first"], trained.first, rtol=1e-6)
        shape = [size.dim_value for size in model.graph.input[0].type.tensor_type.shape.dim]
        self.assertEqual(shape, [1, head.STEPS, WIDTH])


if __name__ == "__main__":
    unittest.main()
