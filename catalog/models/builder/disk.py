"""Free space, checked before anything is written, and hashing."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import Callable

from .errors import BuildError
from .progress import megabytes

FreeBytes = Callable[[Path], int]

_RESERVE = 50_000_000
"""Bytes left free after everything is in place: other programs want to live too."""


def free_bytes(directory: Path) -> int:
    """Bytes that may still be written at `directory`, which need not exist yet."""
    while not directory.exists():
        directory = directory.parent
    return shutil.disk_usage(directory).free


def require(needed: dict[Path, int], free: FreeBytes = free_bytes) -> None:
    """Fails when a file system has not room for what `needed` wants in its directories."""
    by_device: dict[int, list[Path]] = {}
    for directory in needed:
        by_device.setdefault(_device(directory), []).append(directory)
    for directories in by_device.values():
        want = sum(needed[directory] for directory in directories)
        have = free(directories[0])
        if want and want + _RESERVE > have:
            raise BuildError(
                f"not enough space at {directories[0]}: {megabytes(want + _RESERVE)} are needed and "
                f"{megabytes(have)} are free; free some space and run this again"
            )


def sha256(path: Path) -> str:
    """The file's sha256 in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Waits until the file or directory is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _device(directory: Path) -> int:
    while not directory.exists():
        directory = directory.parent
    return directory.stat().st_dev
