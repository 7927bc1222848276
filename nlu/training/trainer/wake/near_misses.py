"""What resembles a wake phrase and is none."""

from __future__ import annotations

from pathlib import Path


def near_misses(folder: Path, language: str) -> list[str]:
    """As it is written down in `folder`."""
    lines = (folder / f"near_misses.{language}.txt").read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]
