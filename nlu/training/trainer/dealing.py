"""Random draws that come to every line of a list before they come to one of it again."""

from __future__ import annotations

import random
from typing import TypeVar

T = TypeVar("T")


class Dealer(random.Random):
    """Random numbers, and lists that are dealt like cards."""

    def __init__(self, seed: int | str) -> None:
        super().__init__(seed)
        self._decks: dict[int, tuple[list, list]] = {}

    def deal(self, cards: list[T]) -> T:
        """One of a list that lives as long as the dealer and does not change."""
        _, deck = self._decks.setdefault(id(cards), (cards, []))
        if not deck:
            deck += cards
            self.shuffle(deck)
        return deck.pop()
