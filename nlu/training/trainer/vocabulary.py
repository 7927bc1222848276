"""Chooses which tokens of Gemma's vocabulary stay: English, Chinese, and every token the corpus needs.

A quarter of a million tokens, most of them of languages nobody asked for, are
half the work of every step. Logits of the kept tokens do not change by the cut.
"""

from __future__ import annotations

import re
from typing import Iterable

from tokenizers import Tokenizer

NORMAL, USER_DEFINED, BYTE = 1, 4, 6  # GGUF token types
BEST_ASCII_PIECES = 30_000
SPECIAL = ("<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<start_of_turn>", "<end_of_turn>")
ROWS = 32
"""The number of kept tokens is a multiple of this, which quantisation asks for."""

_WORD = re.compile(r"▁?[A-Za-z]+|▁?[a-z]+'[a-z]+|▁?'[a-z]{1,2}")
_MIXED_CASE = re.compile(r"[a-z][A-Z]")
_NUMBER = re.compile(r"▁?[0-9]{1,4}")
_PUNCTUATION = re.compile(r"▁?[\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e]{1,3}")
_CHINESE = re.compile(r"▁?[\u3400-\u4dbf\u4e00-\u9fff\u3000-\u3029\uff01-\uff5e“”‘’…—·℃°]+")
LOWEST_PUNCTUATION_RANK = 40_000
LONGEST_CHINESE_PIECE = 6


def kept_tokens(fields: dict, tokenizer: Tokenizer, texts: Iterable[str]) -> list[int]:
    """Ids of the full vocabulary that stay, ascending. `tokenizer` is the full one."""
    pieces = fields["tokenizer.ggml.tokens"]
    types = fields["tokenizer.ggml.token_type"]
    rank = [-score for score in fields["tokenizer.ggml.scores"]]
    identity = {piece: index for index, piece in enumerate(pieces)}

    keep = {index for index, kind in enumerate(types) if kind == BYTE}
    keep |= {identity[piece] for piece in SPECIAL}
    ascii_words = []
    for index, piece in enumerate(pieces):
        if types[index] == USER_DEFINED and _is_short_blank(piece):
            keep.add(index)
        if types[index] != NORMAL:
            continue
        if _stays(piece, rank[index]):
            keep.add(index)
        elif _WORD.fullmatch(piece) and not _MIXED_CASE.search(piece):
            ascii_words.append(index)
    keep |= set(sorted(ascii_words, key=rank.__getitem__)[:BEST_ASCII_PIECES])
    for encoding in tokenizer.encode_batch(list(texts), add_special_tokens=False):
        keep |= set(encoding.ids)

    # Byte-pair encoding reaches a piece over shorter ones: they must stay too.
    mergeable = {piece: rank[i] for i, piece in enumerate(pieces) if types[i] == NORMAL and len(piece) > 1}
    for index in list(keep):
        if types[index] == NORMAL:
            keep |= {identity[part] for part in _on_the_way(pieces[index], mergeable) if part in identity}
    spare = (index for index in range(len(pieces)) if pieces[index].startswith("<unused"))
    while len(keep) % ROWS:
        keep.add(next(spare))
    return sorted(keep)


def _is_short_blank(piece: str) -> bool:
    return (set(piece) <= set("\n\t") and len(piece) <= 2) or (set(piece) == {"▁"} and len(piece) <= 4)


def _stays(piece: str, rank: float) -> bool:
    if piece == "▁" or (len(piece) == 1 and 0x20 < ord(piece) < 0x7F):
        return True
    if _CHINESE.fullmatch(piece):
        return len(piece.strip("▁")) <= LONGEST_CHINESE_PIECE
    if _PUNCTUATION.fullmatch(piece):
        return rank < LOWEST_PUNCTUATION_RANK
    return bool(_NUMBER.fullmatch(piece))


def _on_the_way(piece: str, mergeable: dict[str, float]) -> set[str]:
    """The characters of a piece and everything merged on the way to it."""
    parts = list(piece)
    passed = set(parts)
    while len(parts) > 1:
        pairs = [mergeable.get(a + b, float("inf")) for a, b in zip(parts, parts[1:])]
        best = min(range(len(pairs)), key=pairs.__getitem__)
        if pairs[best] == float("inf"):
            break
        parts[best : best + 2] = [parts[best] + parts[best + 1]]
        passed.add(parts[best])
    return passed
