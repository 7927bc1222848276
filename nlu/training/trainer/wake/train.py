"""`trainer wake`: a head for one phrase, from synthesised speech."""

from __future__ import annotations

import argparse
import zlib

import numpy as np

from ..corpus import Corpus
from ..errors import TrainingError
from . import head
from .lessons import Lesson, Lessons, parts

HEARD = 0.97
"""Share of the phrases said to it in noise that a head's threshold lets pass."""
LOWEST, HIGHEST = 0.05, 0.8
"""Limits of a threshold: the recogniser has the last word, so it is low."""
KEPT_BACK = 10
TOGETHER = 8
"""One clip in KEPT_BACK is not learned from: by these the threshold is chosen. They are kept back in runs of
TOGETHER, since clips of one recording stand together."""


def train(arguments: argparse.Namespace, corpus: Corpus) -> None:
    """Writes the head and prints how well it knows the clips that it was not trained with."""
    phrase = " ".join(arguments.phrase.lower().split())
    spoken = " ".join((arguments.spoken or phrase).lower().split())
    if not parts(spoken):
        raise TrainingError(f'"{phrase}" is one word; a phrase of at least two wakes less often by mistake')
    lessons = Lessons(arguments, corpus)
    everything = lessons.of_phrase(spoken) + lessons.of_everything_else()
    parted: dict[bool, list[Lesson]] = {True: [], False: []}
    for place, lesson in enumerate(everything):
        parted[place // TOGETHER % KEPT_BACK == 0].append(lesson)
    learned, kept_back = parted[False], parted[True]
    trained = head.train(
        np.concatenate([lesson.windows for lesson in learned]),
        np.concatenate([lesson.wake for lesson in learned]),
        zlib.crc32(f"{arguments.seed} {phrase}".encode()),
    )
    heard = _highest(trained, kept_back, wake=True)
    mistaken = _highest(trained, kept_back, wake=False)
    threshold = float(np.clip(np.quantile(heard, 1 - HEARD), LOWEST, HIGHEST))
    head.write(trained, arguments.out, phrase, threshold)
    print(
        f"wrote {arguments.out}: from {threshold:.3f} on it hears {(heard >= threshold).sum()} of {len(heard)} "
        f"phrases and takes {(mistaken >= threshold).sum()} of {len(mistaken)} other clips for it"
    )


def _highest(trained: head.Head, lessons: list[Lesson], wake: bool) -> np.ndarray:
    chosen = [lesson for lesson in lessons if lesson.wake.any() == wake]
    return np.array([trained.probabilities(lesson.windows).max() for lesson in chosen])
