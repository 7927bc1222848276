"""Numbers are said as people say them; templates give only sentences they stand for."""

import random
import unittest

from trainer import template, values


class ValuesTest(unittest.TestCase):
    def test_mandarin_numbers(self) -> None:
        said = {0: "零", 5: "五", 10: "十", 12: "十二", 20: "二十", 22.5: "二十二点五", 100: "一百", 105: "一百零五"}
        for number, words in said.items():
            self.assertEqual(values._mandarin(number), words)

    def test_english_numbers(self) -> None:
        rng = random.Random(1)
        for number, words in {0: "zero", 15: "fifteen", 20: "twenty", 42: "forty two"}.items():
            self.assertEqual(values._english(number, rng), words)
        halves = {values._english(21.5, rng) for _ in range(20)}
        self.assertEqual(halves, {"twenty one and a half", "twenty one point five"})

    def test_a_number_is_spelled_the_same_every_time(self) -> None:
        for number, words in {0: "zero", 7: "seven", 100: "one hundred", 240: "two hundred forty"}.items():
            self.assertEqual(values.spoken_number(number), words)

    def test_a_template_gives_all_its_sentences_and_no_others(self) -> None:
        rng = random.Random(1)
        given = {template.sentence("(turn | switch) on [the] (lamp | {zone} lamp)", "en", rng) for _ in range(500)}
        lamps = ("lamp", "{zone} lamp")
        self.assertEqual(given, {f"{v} on{t} {l}" for v in ("turn", "switch") for t in ("", " the") for l in lamps})
        self.assertEqual(template.sentence("[[把]空调](关)", "zh", random.Random(0))[-1], "关")


if __name__ == "__main__":
    unittest.main()
