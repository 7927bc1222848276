"""Rebuilds a `tokenizer.json` (the format of the `tokenizers` library) from GGUF fields.

Byte-level BPE (SmolLM2) keeps its merges in the file. SentencePiece BPE
(Gemma) keeps only a score per piece, from which the merges are recovered:
every way to join two pieces into a third, in the order of that third's rank.
"""

from __future__ import annotations

from .errors import BuildError

NORMAL, CONTROL, USER_DEFINED = 1, 3, 4  # GGUF token types


def tokenizer_json(fields: dict) -> dict:
    """The document for the tokeniser described by `fields`; BuildError if unknown."""
    kind = fields.get("tokenizer.ggml.model")
    if kind == "gpt2":
        return _byte_level(fields)
    if kind == "llama":
        return _sentence_piece(fields)
    raise BuildError(f'tokenizer "{kind}" is not supported; use gpt2 (byte-level) or llama (SentencePiece)')


def _byte_level(fields: dict) -> dict:
    split = fields.get("tokenizer.ggml.pre")
    if split != "smollm":
        raise BuildError(f'pre-tokenizer "{split}" is not supported; only smollm is known')
    byte_level = dict(type="ByteLevel", add_prefix_space=False, trim_offsets=True, use_regex=True)
    digits = dict(type="Digits", individual_digits=True)
    return _document(
        fields,
        normalizer=None,
        pre_tokenizer=dict(type="Sequence", pretokenizers=[digits, byte_level]),
        decoder=byte_level,
        merges=fields["tokenizer.ggml.merges"],
        unknown=None,
    )


def _sentence_piece(fields: dict) -> dict:
    space = dict(String=" ")
    return _document(
        fields,
        normalizer=dict(type="Replace", pattern=space, content="▁"),
        pre_tokenizer=dict(type="Split", pattern=space, behavior="MergedWithPrevious", invert=False),
        decoder=dict(
            type="Sequence",
            decoders=[
                dict(type="Replace", pattern=dict(String="▁"), content=" "),
                dict(type="ByteFallback"),
                dict(type="Fuse"),
            ],
        ),
        merges=_merges_from_scores(fields),
        unknown=fields["tokenizer.ggml.tokens"][fields["tokenizer.ggml.unknown_token_id"]],
    )


def _merges_from_scores(fields: dict) -> list[list[str]]:
    pieces = fields["tokenizer.ggml.tokens"]
    scores = fields["tokenizer.ggml.scores"]
    types = fields["tokenizer.ggml.token_type"]
    identity = {piece: index for index, piece in enumerate(pieces)}
    merges = []
    for index, piece in enumerate(pieces):
        if types[index] != NORMAL:
            continue
        for cut in range(1, len(piece)):
            left, right = piece[:cut], piece[cut:]
            if left in identity and right in identity:
                merges.append((-scores[index], identity[left], identity[right], left, right))
    merges.sort(key=lambda merge: merge[:3])
    return [[left, right] for _, _, _, left, right in merges]


def _document(fields: dict, *, normalizer, pre_tokenizer, decoder, merges, unknown) -> dict:
    pieces = fields["tokenizer.ggml.tokens"]
    types = fields["tokenizer.ggml.token_type"]
    added = [
        dict(
            id=index,
            content=piece,
            single_word=False,
            lstrip=False,
            rstrip=False,
            normalized=False,
            special=types[index] == CONTROL,
        )
        for index, piece in enumerate(pieces)
        if types[index] in (CONTROL, USER_DEFINED)
    ]
    sentence_piece = unknown is not None
    return dict(
        version="1.0",
        truncation=None,
        padding=None,
        added_tokens=added,
        normalizer=normalizer,
        pre_tokenizer=pre_tokenizer,
        post_processor=None,
        decoder=decoder,
        model=dict(
            type="BPE",
            dropout=None,
            unk_token=unknown,
            continuing_subword_prefix=None,
            end_of_word_suffix=None,
            fuse_unk=sentence_piece,
            byte_fallback=sentence_piece,
            ignore_merges=False,
            vocab={piece: index for index, piece in enumerate(pieces)},
            merges=merges,
        ),
    )
