"""The model store: installs, lists and verifies packs. A pack is there whole or not at all."""

from __future__ import annotations

import os
import shutil
import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import Iterable

import tomli_w

from . import disk
from .archive import Archives
from .conversions import convert
from .errors import BuildError, file_errors_as_sentences
from .fetch import Downloads
from .lock import exclusive
from .progress import Progress, megabytes
from .recipe import KINDS, Recipe

MANIFEST = "manifest.toml"
MANIFEST_FORMAT = 1


class Store:
    """A directory of model packs, and the download cache that they are made from."""

    def __init__(
        self, directory: Path, downloads: Path, progress: Progress, free: disk.FreeBytes = disk.free_bytes
    ) -> None:
        self._directory = directory
        self._downloads_directory = downloads
        self._downloads = Downloads(downloads, progress)
        self._progress = progress
        self._free = free

    def install(self, recipes: Iterable[Recipe]) -> None:
        """Makes every pack of `recipes` that is not there yet, or is out of date."""
        wanted = list(recipes)
        missing = [recipe for recipe in wanted if self.state(recipe) != "installed"]
        if not missing:
            self._progress.line(f"all {len(wanted)} model packs are in {self._directory} already; nothing to do")
            return
        with (
            exclusive(self._downloads_directory, self._progress),
            exclusive(self._directory, self._progress),
        ):
            self._downloads.remove_stale()
            self._remove_stale()
            # Another run may have made some of them while this one waited.
            missing = [recipe for recipe in missing if self.state(recipe) != "installed"]
            self._require_space(missing)
            for recipe in missing:
                self._install_one(recipe)
            self._progress.line(f"{len(wanted)} model packs are ready in {self._directory}")

    def state(self, recipe: Recipe) -> str:
        """`installed`, `missing`, `out of date` (made from another recipe) or `damaged`."""
        manifest = self._manifest(recipe.name)
        if manifest is None:
            return "missing" if not (self._directory / recipe.name).exists() else "damaged"
        if manifest.get("recipe") != recipe.identity:
            return "out of date"
        for entry in manifest.get("file", []):
            path = self._directory / recipe.name / entry["path"]
            if not path.is_file() or path.stat().st_size != entry["size"]:
                return "damaged"
        return "installed"

    def verify(self, recipe: Recipe) -> list[str]:
        """Reads every byte of an installed pack; returns what is wrong with it, a sentence each."""
        state = self.state(recipe)
        if state != "installed":
            return [f"{recipe.name} is {state}; install it"]
        manifest = self._manifest(recipe.name) or {}
        problems = []
        for entry in manifest.get("file", []):
            path = self._directory / recipe.name / entry["path"]
            with file_errors_as_sentences(path):
                if disk.sha256(path) != entry["sha256"]:
                    problems.append(f"{path} is damaged; delete {path.parent} and install it again")
        return problems

    def _install_one(self, recipe: Recipe) -> None:
        fetched = [self._downloads.fetch(source) for source in recipe.sources]
        self._progress.line(f"making {recipe.name}")
        final = self._directory / recipe.name
        scratch = self._directory / f".{recipe.name}.new"
        with file_errors_as_sentences(scratch):
            try:
                scratch.mkdir()
                convert(Archives(fetched), recipe.conversion, scratch, recipe.directory)
                self._check_results(recipe, scratch)
                (scratch / MANIFEST).write_text(manifest_text(recipe, scratch), encoding="utf-8")
                for path in [*scratch.iterdir(), scratch]:
                    disk.sync(path)
                self._replace(final, scratch)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
        size = sum(path.stat().st_size for path in final.iterdir())
        self._progress.line(f"installed {recipe.name} {recipe.version} ({megabytes(size)})")

    def _check_results(self, recipe: Recipe, directory: Path) -> None:
        made = {path.name for path in directory.iterdir()}
        expected = {result.path for result in recipe.results}
        if made != expected:
            raise BuildError(
                f"{recipe.name}: the conversion made {sorted(made)} but the recipe file lists {sorted(expected)}; "
                "make them agree"
            )
        for result in recipe.results:
            path = directory / result.path
            size = path.stat().st_size
            if size != result.size:
                raise BuildError(
                    f"{recipe.name}: {result.path} came out with {size} bytes instead of {result.size}; "
                    "the conversion does not fit the recipe, report this"
                )
            if result.sha256 is not None and disk.sha256(path) != result.sha256:
                raise BuildError(
                    f"{recipe.name}: {result.path} came out with another sha256 than the recipe file says; "
                    "the conversion does not fit the recipe, report this"
                )

    def _replace(self, final: Path, scratch: Path) -> None:
        old = final.with_name(f".{final.name}.old")
        if final.exists():
            os.rename(final, old)
        os.rename(scratch, final)
        disk.sync(self._directory)
        shutil.rmtree(old, ignore_errors=True)

    def _require_space(self, recipes: list[Recipe]) -> None:
        download = sum(
            source.size for recipe in recipes for source in recipe.sources if not self._downloads.has(source)
        )
        # One conversion at a time unpacks its sources beside its results.
        packs = sum(result.size for recipe in recipes for result in recipe.results)
        unpacked = max((sum(source.size for source in recipe.sources) for recipe in recipes), default=0)
        disk.require({self._downloads_directory: download, self._directory: packs + unpacked}, self._free)

    def _remove_stale(self) -> None:
        for pattern in (".*.new*", ".*.old"):
            for stale in self._directory.glob(pattern):
                shutil.rmtree(stale, ignore_errors=True)

    def _manifest(self, name: str) -> dict | None:
        try:
            return tomllib.loads((self._directory / name / MANIFEST).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
            return None


def manifest_text(recipe: Recipe, directory: Path) -> str:
    """The manifest of a pack whose files lie in `directory`."""
    files = [
        {"path": path.name, "size": path.stat().st_size, "sha256": disk.sha256(path)}
        for path in sorted(directory.iterdir())
    ]
    return tomli_w.dumps(
        {
            "format": MANIFEST_FORMAT,
            "name": recipe.name,
            "version": recipe.version,
            "kind": recipe.kind,
            "licence": recipe.licence,
            "languages": list(recipe.languages),
            "recipe": recipe.identity,
            KINDS[recipe.kind]: recipe.section,
            "source": [
                {key: value for key, value in asdict(source).items() if key in ("package", "version", "sha256")}
                for source in recipe.sources
            ],
            "file": files,
        },
        multiline_strings=True,
    )
