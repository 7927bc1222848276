"""Where utterances begin and end."""

import unittest

from trainer.endpoints import Recording, judged

RECORDING = Recording("open the window", "en", None, begin_ms=2000, end_ms=3000)


def utterance(from_ms: float, complete_ms: float) -> dict:
    return {"from_ms": from_ms, "last_voice_ms": complete_ms - 250, "complete_ms": complete_ms}


class Judged(unittest.TestCase):
    def test_an_utterance_that_holds_all_that_was_said_ends_after_it(self):
        found = judged(RECORDING, [utterance(1800, 3260)])
        self.assertEqual((found.begun, found.cut, found.waited_ms), (True, False, 260))

    def test_a_first_sound_that_is_missing_counts_as_lost(self):
        self.assertFalse(judged(RECORDING, [utterance(2010, 3260)]).begun)
        self.assertFalse(judged(RECORDING, []).begun)

    def test_an_utterance_that_ends_while_somebody_speaks_is_cut_off(self):
        found = judged(RECORDING, [utterance(1800, 2700), utterance(2700, 3700)])
        self.assertEqual((found.begun, found.cut, found.waited_ms), (True, True, 700))

    def test_noise_that_is_taken_for_speech_beforehand_cuts_nothing_off(self):
        found = judged(RECORDING, [utterance(600, 1800), utterance(1900, 3260)])
        self.assertEqual((found.begun, found.cut, found.waited_ms), (True, False, 260))


if __name__ == "__main__":
    unittest.main()
