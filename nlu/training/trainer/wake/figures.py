"""How well the phrases are heard, and how often something else is taken for one.

`write` makes recordings for `codriverctl wake --lines`, `tables` makes figures of its answers.
"""

from __future__ import annotations

import argparse
import json
import random
import zlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from .. import recordings
from ..cabin import Noises
from ..recordings import RATE_HZ
from ..speaking import Voices
from ..voices import HELD_OUT
from .kept import trimmed
from .lessons import language_of

RATIOS_DB = (None, 10.0, 5.0)
NOISES = 2
"""With so much different noise each phrase is heard at a ratio."""
SPEEDS = (0.85, 1.0, 1.2)
REQUESTS = {"en": "turn on the air conditioning", "zh": "打开空调"}
LEAD_S, GAP_S, TAIL_S = 0.6, 0.08, 1.2
BLOCK_S = 60
"""Other speech is played in recordings of about this length."""


@dataclass(frozen=True)
class Played:
    """One recording. `phrase` is None for other speech; then nothing may wake."""

    file: str
    phrase: str | None
    voice: str
    ratio_db: float | None
    seconds: float
    request_from_ms: float = 0.0
    """Where the request begins."""


def write(arguments: argparse.Namespace) -> None:
    """The recordings, and `played.jsonl` beside them, which says what they are."""
    out = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    noises = Noises(arguments.noise)
    with open(out / "played.jsonl", "w", encoding="utf-8") as listing:
        for played, samples in chain(_phrases(arguments.phrases, noises), _others(arguments, noises)):
            recordings.write(out / played.file, samples)
            listing.write(json.dumps(asdict(played), ensure_ascii=False) + "\n")
            print(out / played.file)


def _phrases(phrases: list[str], noises: Noises) -> Iterator[tuple[Played, np.ndarray]]:
    voices = Voices()
    number = 0
    for given in phrases:
        phrase, _, spoken = given.partition("=")
        language = language_of(phrase)
        for voice in HELD_OUT[language]:
            request = trimmed(voices.speak(REQUESTS[language], language, voice, seed=1))
            for speed in SPEEDS:
                said = trimmed(voices.speak(spoken or phrase, language, voice, speed, seed=1))
                silence = [np.zeros(round(s * RATE_HZ), "<i2") for s in (LEAD_S, GAP_S, TAIL_S)]
                dry = np.concatenate([silence[0], said, silence[1], request, silence[2]])
                request_from = 1000 * (len(silence[0]) + len(said) + len(silence[1])) / RATE_HZ
                for ratio in [ratio for ratio in RATIOS_DB for _ in range(NOISES if ratio else 1)]:
                    number += 1
                    file = f"phrase-{number:03}.wav"
                    rng = np.random.default_rng(zlib.crc32(file.encode()))
                    samples = noises.mixed(dry, ratio, rng)
                    yield Played(file, phrase, voice, ratio, len(samples) / RATE_HZ, request_from), samples


def _others(arguments: argparse.Namespace, noises: Noises) -> Iterator[tuple[Played, np.ndarray]]:
    """Human speech, in loops with other noise each time, until the wanted minutes are full."""
    if not arguments.speech:
        return
    paths = sorted(arguments.speech.rglob("*.wav"))
    rng = random.Random("other speech")
    filled, number = 0.0, 0
    block: list[np.ndarray] = []
    while filled < arguments.minutes * 60 and paths:
        rng.shuffle(paths)
        for path in paths:
            block += [recordings.read(path), np.zeros(round(rng.uniform(0.3, 1.5) * RATE_HZ), "<i2")]
            if sum(map(len, block)) < BLOCK_S * RATE_HZ:
                continue
            number += 1
            speech, block = np.concatenate(block), []
            file, ratio = f"other-{number:03}.wav", rng.choice(RATIOS_DB)
            samples = noises.mixed(speech, ratio, np.random.default_rng(number))
            filled += len(samples) / RATE_HZ
            yield Played(file, None, "human", ratio, len(samples) / RATE_HZ), samples
            if filled >= arguments.minutes * 60:
                return


def tables(arguments: argparse.Namespace) -> str:
    """Figures of the answers, which are in the order of `played.jsonl`."""
    with open(arguments.out / "played.jsonl", encoding="utf-8") as listing:
        played = [Played(**json.loads(line)) for line in listing]
    with open(arguments.answers, encoding="utf-8") as file:
        answers = [json.loads(line) for line in file]
    by_file = {Path(answer["file"]).name: answer for answer in answers}
    # One stream runs through all recordings, and utterances are named by their place in it.
    begins, before = {}, 0.0
    for answer in answers:
        begins[Path(answer["file"]).name] = before
        before += answer["audio_ms"]
    rows: dict[tuple[str, float | None], list[tuple[bool, bool | None, bool]]] = defaultdict(list)
    seconds = busy = 0.0
    woken = confirmed = utterances = 0
    for recording in played:
        answer = by_file[recording.file]
        seconds += recording.seconds
        busy += answer["front_end_ms"] / 1000
        if recording.phrase is not None:
            rows[(recording.phrase, recording.ratio_db)].append(_heard(recording, answer["utterances"], begins[recording.file]))
        else:
            utterances += len(answer["utterances"])
            woken += sum(bool(utterance["woken"]) for utterance in answer["utterances"])
            confirmed += sum(bool(utterance.get("confirmed")) for utterance in answer["utterances"])
    lines = ["phrase, speech over noise: heads; heads and recogniser; request kept whole"]
    for (phrase, ratio), heard in rows.items():
        stage_one = sum(woken for woken, _, _ in heard)
        both = [confirmed for _, confirmed, _ in heard if confirmed is not None]
        two = f"{sum(both)} of {len(heard)}" if both else "not asked"
        kept = sum(kept for _, _, kept in heard)
        name = "clean" if ratio is None else f"{ratio:g} dB"
        lines.append(f"{phrase}, {name}: {stage_one} of {len(heard)}; {two}; {kept} of {stage_one}")
    others = sum(recording.seconds for recording in played if recording.phrase is None)
    lines.append(
        f"other speech: {others / 60:.1f} minutes, {utterances} utterances: the heads let {woken} pass, "
        f"the recogniser {confirmed}"
    )
    lines.append(f"front end and heads: {100 * busy / seconds:.1f} % of the time of the sound (wall clock)")
    return "\n".join(lines)


def _heard(recording: Played, utterances: list[dict], begins_ms: float) -> tuple[bool, bool | None, bool]:
    """Whether the heads let it pass; whether the recogniser agrees (None: not asked); whether the request's
    beginning is in the utterance that woke."""
    for utterance in utterances:
        if utterance["woken"]:
            request_from = begins_ms + recording.request_from_ms
            kept = utterance["began_ms"] <= request_from < utterance["ended_ms"]
            return True, utterance.get("confirmed"), kept
    return False, None, False
