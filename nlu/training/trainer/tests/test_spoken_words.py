"""What counts as a misheard word."""

import unittest

from trainer.spoken_words import wrong_words, written


def row(said: str, heard: str) -> dict:
    return {"said": said, "text": heard, "spoken_language": "en"}


class SpokenWords(unittest.TestCase):
    def test_what_is_said_the_same_is_the_same(self):
        for one, other in (
            ("Set it to 22.5 degrees.", "set it to twenty two point five degrees"),
            ("twenty-two and a half", "22.5"),
            ("the driver's tyre", "The drivers tire"),
            ("volume to 40%", "volume to forty percent"),
            ("100 percent", "a hundred percent"),
            ("turn it, uh, off", "Turn it off."),
            ("the sunroof, alright", "The sun roof all right"),
            ("18°", "eighteen degrees"),
        ):
            self.assertEqual(written(one, "en"), written(other, "en"))

    def test_every_changed_added_or_lost_word_counts_once(self):
        self.assertEqual(wrong_words([row("open the window", "open a window please")]), (2, 3))
        self.assertEqual(wrong_words([row("open the window", "")]), (3, 3))
        self.assertEqual(wrong_words([row("seat two", "seat to"), row("open it", "Open it.")]), (1, 4))


if __name__ == "__main__":
    unittest.main()
