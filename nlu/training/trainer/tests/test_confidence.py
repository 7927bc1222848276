"""The fit of the curve behind confidence."""

import math
import random
import unittest

from ..confidence import LEAST_DOUBT, fit


def share(probability: float, bias: float, slope: float) -> float:
    return 1 / (1 + math.exp(slope * math.log(1 - probability + LEAST_DOUBT) - bias))


class Confidence(unittest.TestCase):
    def test_the_curve_that_made_the_answers_is_found_again(self):
        rng = random.Random(1)
        probabilities = [1 - 10 ** -rng.uniform(0.1, 5) for _ in range(20_000)]
        bias, slope = fit([(p, rng.random() < share(p, -0.5, 0.7)) for p in probabilities])
        self.assertAlmostEqual(bias, -0.5, delta=0.1)
        self.assertAlmostEqual(slope, 0.7, delta=0.03)

    def test_answers_that_are_always_right_when_sure_give_a_finite_curve(self):
        bias, slope = fit([(0.999, True)] * 50 + [(0.3, False)] * 50)
        self.assertTrue(math.isfinite(bias) and math.isfinite(slope))
        self.assertGreater(share(0.999, bias, slope), 0.9)
        self.assertLess(share(0.3, bias, slope), 0.1)


if __name__ == "__main__":
    unittest.main()
