import unittest

from trainer.dealing import Dealer


class DealerTest(unittest.TestCase):
    def test_every_card_is_dealt_once_before_any_comes_again(self) -> None:
        dealer = Dealer(1)
        cards, others = list(range(50)), list(range(100, 103))
        for _ in range(3):
            dealt = []
            for _ in cards:
                dealt.append(dealer.deal(cards))
                self.assertIn(dealer.deal(others), others)
            self.assertEqual(sorted(dealt), cards)

    def test_a_seed_deals_the_same_cards(self) -> None:
        cards = list("abcdefgh")
        first, second = (Dealer("seed 3") for _ in range(2))
        self.assertEqual([first.deal(cards) for _ in range(20)], [second.deal(cards) for _ in range(20)])


if __name__ == "__main__":
    unittest.main()
