"""Writes into the recipe file what a pack's conversion gives, for whoever changes a recipe or trains an adapter."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from . import disk, recipe
from .archive import Archives
from .conversions import convert
from .errors import BuildError
from .fetch import Downloads

_FILES = re.compile(r"(\[\[pack\.file\]\]\n(?:[^\[\n][^\n]*\n)*\n*)+")
_READ = re.compile(r'(\{ path = "([^"]+)", sha256 = ")[0-9a-f]{64}')


def pin(recipes: Path, name: str, downloads: Downloads) -> None:
    """Converts the pack `name` and replaces its file entries, and the hashes of what it is made with, in `recipes`.

    What another pack lends it (`like`) is pinned with that one.
    """
    text = recipes.read_text(encoding="utf-8")
    start, end = _pack(text, name, recipes)
    table = text[start:end]
    table = _READ.sub(lambda found: found[1] + disk.sha256(recipes.parent / found[2]), table)
    recipes.write_text(text[:start] + table + text[end:], encoding="utf-8")
    made = recipe.read(recipes)[name]
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        convert(Archives([downloads.fetch(source) for source in made.sources]), made.conversion, directory, made.directory)
        entries = "".join(
            f'[[pack.file]]\npath = "{path.name}"\nsize = {path.stat().st_size}\nsha256 = "{disk.sha256(path)}"\n\n'
            for path in sorted(directory.iterdir())
        )
    table, replaced = _FILES.subn(lambda _: entries, table, count=1)
    if not replaced:
        table = table.rstrip() + "\n\n" + entries
    recipes.write_text(text[:start] + table + text[end:], encoding="utf-8")


def _pack(text: str, name: str, recipes: Path) -> tuple[int, int]:
    """Where the pack's tables begin and end in the file."""
    starts = [match.start() for match in re.finditer(r"^\[\[pack\]\]$", text, re.MULTILINE)] + [len(text)]
    for start, end in zip(starts, starts[1:]):
        if f'\nname = "{name}"\n' in text[start:end]:
            # Comments before the next pack belong to that one.
            comment = re.search(r"\n((#[^\n]*\n)+)\Z", text[start:end])
            return start, end - len(comment[1]) if comment else end
    raise BuildError(f'{recipes}: there is no pack "{name}"')
