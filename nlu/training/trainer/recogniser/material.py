"""Sentences for training as voices say them: sounds in a folder, and a list of what is said in them."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Iterator

from .. import voices
from ..catalog import Catalog
from ..corpus import LANGUAGES, Corpus, name_held_out
from ..dealing import Dealer
from ..errors import TrainingError
from ..samples import Sampler
from ..values import Lexicons
from ..wake.near_misses import near_misses

LIST = "spoken.jsonl"
MANDARIN_SHARE = 0.7
"""The base knows English far better."""
WAKE_PHRASES = {"en": ("hello car", "hey codriver=hey co-driver"), "zh": ("你好小车",)}
"""As written and, behind "=", as voices read it rightly."""
CALLED_SHARE = 0.03
"""Of the sentences, that begin with a wake phrase: with 0.12 the recogniser wrote one where nobody had called."""
NEAR_MISS_SHARE = 0.05
"""Of the sentences, that begin with what resembles a wake phrase, or are nothing else."""
SPEEDS = {"en": (0.9, 1.15), "zh": (0.85, 1.1)}


@dataclass(frozen=True)
class Spoken:
    sound: str
    """File in the folder."""
    text: str
    language: str
    voice: str


def read(folder: Path) -> list[Spoken]:
    try:
        lines = (folder / LIST).read_text(encoding="utf-8").splitlines()
        return [Spoken(**json.loads(line)) for line in lines]
    except FileNotFoundError:
        raise TrainingError(f"{folder} holds no {LIST}; `trainer speak` makes it") from None
    except (ValueError, TypeError) as error:
        raise TrainingError(f"{folder / LIST}: {error}; delete the folder and run `trainer speak` again") from error


def speak(arguments: argparse.Namespace, catalog: Catalog, corpus: Corpus) -> None:
    """Adds to the folder until it holds the first `arguments.sentences` of what the seed gives."""
    from ..wake.kept import Kept  # the voices have packages of their own

    lexicons = Lexicons(arguments.corpus / "lexicons", name_held_out)
    sampler = Sampler(catalog, corpus, [], lexicons, "train", {})
    speaker = Kept(arguments.sounds)
    with open(arguments.sounds / LIST, "w", encoding="utf-8") as out:
        for number, (text, said, language, voice, speed) in enumerate(_sentences(sampler, arguments), start=1):
            sound = speaker.file(said, language, voice, speed).name
            out.write(json.dumps(asdict(Spoken(sound, text, language, voice)), ensure_ascii=False) + "\n")
            out.flush()
            if number % 100 == 0:
                print(f"{number} of {arguments.sentences} sentences", file=sys.stderr, flush=True)


def _sentences(sampler: Sampler, arguments: argparse.Namespace) -> Iterator[tuple[str, str, str, str, float]]:
    """(what is written, what is read aloud, language, voice, speed), none twice."""
    rng = Dealer(f"recogniser {arguments.seed}")
    alike = {language: near_misses(arguments.near_misses, language) for language in LANGUAGES}
    known: set[str] = set()
    while len(known) < arguments.sentences:
        language = "zh" if rng.random() < MANDARIN_SHARE else "en"
        text = said = sampler.to_speak(language, rng).text
        joint = ", " if language == "en" else "，"
        place = rng.random()
        if place < CALLED_SHARE:
            phrase, _, aloud = rng.choice(WAKE_PHRASES[language]).partition("=")
            text, said = f"{phrase}{joint}{text}", f"{aloud or phrase}{joint}{said}"
        elif place < CALLED_SHARE + NEAR_MISS_SHARE:
            phrase = rng.choice(alike[language])
            text = said = f"{phrase}{joint}{text}" if rng.random() < 0.5 else phrase
        voice, speed = voices.natural(language, rng), rng.uniform(*SPEEDS[language])
        if text not in known:
            known.add(text)
            yield text, said, language, voice, speed
