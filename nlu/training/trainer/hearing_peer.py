"""The same recordings heard by faster-whisper and by Codriver, side by side: latency and misheard words.

Both have the same Whisper weights (base; theirs at int8, ours as the pack has them) and two threads. They
take turns, recording by recording, so that a busy machine is busy for both. Theirs is told the language;
ours finds it out, and finds the speech in the recording first, which is in its time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from itertools import islice
from pathlib import Path
from statistics import median

from builder import recipe as recipes
from builder.archive import Archives
from builder.fetch import Downloads
from builder.lock import exclusive
from builder.progress import Progress

from . import recordings, spoken_sets
from .catalog import Catalog
from .corpus import Corpus
from .errors import TrainingError
from .spoken_words import wrong_words

PACK = "whisper-base-q8_0"
THREADS = 2
BEAMS = (5, 1)
"""faster-whisper's own default, and the fastest."""
TOKENS = ("config.json", "tokenizer.json", "vocabulary.txt")


def compare(arguments: argparse.Namespace, catalog: Catalog, corpus: Corpus) -> None:
    """Prints a row a condition and a side."""
    model = _model(arguments.recipes, arguments.work)
    hear = [str(arguments.program), "hear", "--lines", "--tier", "patterns", "--catalog", str(arguments.commands.parent)]
    sides = {"codriver": _Side(hear)}
    for beam in BEAMS:
        worker = [str(arguments.peer_python), "-m", "trainer.faster_whisper_worker"]
        sides[f"faster-whisper, beam {beam}"] = _Side([*worker, str(model), str(THREADS), str(beam)])
    rows: dict[tuple[str, float | None], list[dict]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recording.wav"
        sounds = spoken_sets.spoken(arguments, catalog, corpus, ["en"])
        for spoken, samples in islice(sounds, arguments.recordings):
            recordings.write(path, samples)
            for name, side in sides.items():
                answer = side.hear(path)
                row = {"said": spoken.sample.text, "spoken_language": "en", **answer}
                rows.setdefault((name, spoken.ratio_db), []).append(row)
    print(_table(rows))


def _table(rows: dict[tuple[str, float | None], list[dict]]) -> str:
    lines = [f"{'':28}{'':>8}{'n':>6}{'words wrong':>14}{'p50, ms':>10}{'times ours':>12}"]
    for (name, ratio), of in rows.items():
        errors, said = wrong_words(of)
        took = median(row["ms"] for row in of)
        ours = median(row["ms"] for row in rows["codriver", ratio])
        condition = "clean" if ratio is None else f"{ratio:g} dB"
        lines.append(f"{name:28}{condition:>8}{len(of):6}{errors / max(1, said):14.1%}{took:10.0f}{took / ours:12.2f}")
    return "\n".join(lines)


class _Side:
    """A program that answers a file name with what it heard."""

    def __init__(self, command: list[str]) -> None:
        # Threads that sleep while they wait, on both sides.
        environment = {**os.environ, "CODRIVER__RECOGNISER__THREADS": str(THREADS), "OMP_WAIT_POLICY": "passive"}
        self._command = command
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True, encoding="utf-8"
        )

    def hear(self, path: Path) -> dict:
        try:
            self._process.stdin.write(f"{path}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass
        line = self._process.stdout.readline()
        if not line:
            raise TrainingError(f"{self._command[0]} ended early, with status {self._process.wait()}; see above")
        answer = json.loads(line)
        if "transcript" not in answer:
            return answer
        return {"text": answer["transcript"], "ms": answer["ms"]["front_end"] + answer["ms"]["recognise"]}


def _model(recipe_file: Path, work: Path) -> Path:
    """The pack's weights as CTranslate2 reads them."""
    recipe = recipes.read(recipe_file)[PACK]
    folder = work / "faster-whisper-base"
    if (folder / TOKENS[-1]).exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    progress = Progress(sys.stderr)
    downloads = work.parent / "downloads"
    with exclusive(downloads, progress):
        store = Downloads(downloads, progress)
        archives = Archives([store.fetch(source) for source in recipe.sources])
        parts = recipe.conversion["model_parts"]
        archives.extract(parts, folder / "model.bin")
        for name in TOKENS:  # the last one says that all are there
            archives.extract([str(Path(parts[0]).parent / name)], folder / name)
    return folder
