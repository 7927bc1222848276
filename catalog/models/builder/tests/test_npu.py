"""The graph for neural processors: chunks do not change what is computed, and 16 bits are enough for it."""

import unittest

import numpy as np
from onnx.reference import ReferenceEvaluator

from builder import made_up, npu_calibrate, npu_graph
from builder.errors import BuildError
from builder.npu_graph import Extent
from builder.npu_host import Host
from builder.npu_quantise import Ranges

TOKENS = made_up.prompt("open it")
PLACES = 48


def logits(extent: Extent, ranges: Ranges | None = None, tokens: list[int] = TOKENS) -> np.ndarray:
    weights = made_up.MadeUpWeights()
    evaluator = ReferenceEvaluator(npu_graph.build(weights, extent, ranges))
    host = Host(weights, extent, lambda inputs: dict(zip(evaluator.output_names, evaluator.run(None, inputs))))
    return host.advance(tokens)


class Npu(unittest.TestCase):
    def test_chunks_with_padding_and_the_cache_give_what_one_long_chunk_gives(self) -> None:
        whole = logits(Extent(chunk=len(TOKENS), places=PLACES))
        np.testing.assert_allclose(logits(Extent(chunk=5, places=PLACES)), whole, atol=1e-3)

    def test_in_16_bits_the_likeliest_token_and_nearly_all_of_the_logits_stay(self) -> None:
        extent = Extent(chunk=8, places=PLACES)
        exact = logits(extent)
        ranges = npu_calibrate.calibrate(made_up.MadeUpWeights(), extent, [TOKENS])
        rounded = logits(extent, ranges)
        self.assertEqual(exact.argmax(), rounded.argmax())
        cosine = exact @ rounded / (np.linalg.norm(exact) * np.linalg.norm(rounded))
        self.assertGreater(cosine, 0.99)

    def test_every_token_of_a_sequence_counts_for_the_range_of_the_logits(self) -> None:
        extent = Extent(chunk=8, places=PLACES)
        weights = made_up.MadeUpWeights()
        ranges = npu_calibrate.calibrate(weights, extent, [TOKENS])
        highest = max(float(logits(extent, tokens=TOKENS[: count + 1]).max()) for count in range(len(TOKENS)))
        step = ranges.scale("head").step
        self.assertGreaterEqual((65535 - ranges.scale("head").zero) * step, highest - float(step))

    def test_a_range_that_was_not_calibrated_is_refused_by_name(self) -> None:
        with self.assertRaisesRegex(BuildError, "no calibrated range for hidden"):
            npu_graph.build(made_up.MadeUpWeights(), made_up.EXTENT, Ranges({}))
