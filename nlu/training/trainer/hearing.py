"""What our own recogniser hears in recordings, as the daemon would be told."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections import deque
from pathlib import Path
from typing import Iterable, Iterator, Sequence, TypeVar

import numpy as np

from . import recordings as files
from .corpus import LANGUAGES
from .errors import TrainingError
from .misheard import Heard

T = TypeVar("T")
AHEAD = 2
"""Recordings handed over before the first answer is awaited: one is made while one is heard."""


def hear(
    recordings: Iterable[tuple[T, np.ndarray]], program: Path, commands: Path, languages: Sequence[str] = LANGUAGES
) -> Iterator[tuple[T, Heard]]:
    """What `codriverctl hear` hears in every recording, in order."""
    settings = {"CODRIVER__RECOGNISER__THREADS": "1", "CODRIVER__RECOGNISER__LANGUAGES": ",".join(languages)}
    for item, report in reports(recordings, program, commands, settings=settings):
        yield item, _heard(report)


def reports(
    recordings: Iterable[tuple[T, np.ndarray]],
    program: Path,
    commands: Path,
    options: Sequence[str] = (),
    settings: dict[str, str] | None = None,
) -> Iterator[tuple[T, dict]]:
    """Gives every recording to `codriverctl hear`, one process for all, and yields its reports in order."""
    environment = os.environ | (settings or {})
    command = [str(program), "hear", "--lines", *options, "--tier", "patterns", "--catalog", str(commands.parent)]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True, encoding="utf-8"
        ) as process,
    ):
        waiting: deque[tuple[T, Path]] = deque()
        for number, (item, samples) in enumerate(recordings):
            path = Path(folder) / f"{number}.wav"
            files.write(path, samples)
            _say(process, f"{path}\n")
            waiting.append((item, path))
            if len(waiting) > AHEAD:
                yield _answer(process, *waiting.popleft())
        while waiting:
            yield _answer(process, *waiting.popleft())
        process.stdin.close()


def held_by_phrases(texts: list[str], program: Path, commands: Path) -> list[bool]:
    """Whether each is, word for word, what a phrase of the packs describes."""
    command = [str(program), "explain", "--lines", "--tier", "patterns", "--catalog", str(commands.parent)]
    given = "".join(f"{text}\n" for text in texts)
    asked = subprocess.run(command, input=given, stdout=subprocess.PIPE, text=True, encoding="utf-8", timeout=600)
    answers = [json.loads(line) for line in asked.stdout.splitlines()]
    if asked.returncode or len(answers) != len(texts):
        raise TrainingError(f"codriverctl explain ended with status {asked.returncode}; its message is above")
    return [answer["rule"] == "exact_phrase" for answer in answers]


def _say(process: subprocess.Popen, line: str) -> None:
    try:
        process.stdin.write(line)
        process.stdin.flush()
    except BrokenPipeError:
        raise _gone(process) from None


def _answer(process: subprocess.Popen, item: T, path: Path) -> tuple[T, dict]:
    line = process.stdout.readline()
    if not line:
        raise _gone(process)
    path.unlink()
    report = json.loads(line)
    if "error" in report:
        raise TrainingError(f"a recording could not be heard: {report['error']}")
    return item, report


def _heard(report: dict) -> Heard:
    commands = tuple(
        (found["name"], tuple((name, _written(value)) for name, value in found.get("args", {}).items()))
        for found in report["commands"]
    )
    confidence = report["transcript_confidence"] or 0.0
    return Heard(report["transcript"].strip(), report["language"], confidence, commands)


def _written(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float | int) else str(value)


def _gone(process: subprocess.Popen) -> TrainingError:
    return TrainingError(f"codriverctl hear ended early, with status {process.wait()}; its message is above")
