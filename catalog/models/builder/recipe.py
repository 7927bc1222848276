"""Reads configs/models.toml: what each model pack is made from, and how."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import BuildError

KINDS = {
    "runtime": "runtime",
    "speech-recognition": "speech_recognition",
    "voice-activity": "voice_activity",
    "speech-embedding": "speech_embedding",
    "language-model": "language_model",
}
"""Pack kind -> the manifest section that such a pack carries."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Source:
    """One file of a package registry, pinned."""

    package: str
    version: str
    file: str
    size: int
    sha256: str
    machine: str | None
    """Only for this processor (`x86_64`, `aarch64`); None = for all."""

    @property
    def is_pure(self) -> bool:
        """True when the wheel fits every platform and Python."""
        return self.file.endswith("-none-any.whl")


@dataclass(frozen=True)
class Result:
    """One file of the finished pack. `sha256` is None where a result may differ in its last bits."""

    path: str
    size: int
    sha256: str | None


@dataclass(frozen=True)
class Recipe:
    """Everything needed to build one pack, and the identity of that knowledge."""

    name: str
    version: str
    kind: str
    licence: str
    languages: tuple[str, ...]
    sources: tuple[Source, ...]
    conversion: dict[str, Any]
    results: tuple[Result, ...]
    section: dict[str, Any]
    directory: Path
    """Where the recipe file lies."""
    on_demand: bool
    """Made only where it is asked for by name."""
    identity: str
    """sha256 over the recipe; an installed pack with another one is out of date."""


def read(path: Path, machine: str | None = None) -> dict[str, Recipe]:
    """All recipes of `path` by pack name, in file order, for this processor (or `machine`)."""
    machine = machine or platform.machine()
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BuildError(f"{path} does not exist; name the recipe file with --recipes") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BuildError(f"{path}: cannot be read: {error}") from error
    recipes: dict[str, Recipe] = {}
    tables: dict[str, dict[str, Any]] = {}
    for position, table in enumerate(_Table(document, str(path)).tables("pack"), start=1):
        table = _completed(table, tables, f"{path}: pack {position}")
        recipe = _recipe(_Table(table, f"{path}: pack {position}"), machine, path.parent)
        tables[recipe.name] = table
        if recipe.name in recipes:
            raise BuildError(f"{path}: pack {recipe.name} is described twice; remove one")
        recipes[recipe.name] = recipe
    return recipes


def _completed(table: dict[str, Any], before: dict[str, dict[str, Any]], where: str) -> dict[str, Any]:
    """A pack with `like` has everything that an earlier one has, but for what it says itself."""
    like = table.get("like")
    if like is None:
        return table
    if like not in before:
        raise BuildError(f'{where}: like = "{like}" names no pack before it; name one or move it up')
    own = {key: value for key, value in table.items() if key != "like"}
    # What the other conversion made is not what this one makes.
    inherited = {key: value for key, value in before[like].items() if key not in ("file", "on_demand")}
    return _merged(inherited, own)


def _merged(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    both = {key: _merged(base[key], value) for key, value in change.items() if isinstance(base.get(key), dict)}
    return base | change | both


def _recipe(table: _Table, machine: str, directory: Path) -> Recipe:
    name = table.text("name", _NAME)
    table.where = table.where.rsplit(": ", 1)[0] + f": pack {name}"
    kind = table.text("kind")
    if kind not in KINDS:
        raise BuildError(f'{table.where}: kind "{kind}" is unknown; use one of {", ".join(KINDS)}')
    sources = [_source(_Table(t, f"{table.where}: source")) for t in table.tables("source")]
    sources = [source for source in sources if source.machine in (None, machine)]
    if not sources:
        raise BuildError(f"{table.where}: has no source for the processor {machine}; add one")
    results = [_result(_Table(t, f"{table.where}: file"), machine) for t in table.tables("file")]
    recipe = {
        "name": name,
        "version": table.text("version"),
        "kind": kind,
        "licence": table.text("licence"),
        "languages": tuple(table.get("languages", list)),
        "conversion": table.get("conversion", dict),
        "section": table.get(KINDS[kind], dict),
        "sources": tuple(sources),
        "results": tuple(result for result in results if result is not None),
    }
    canonical = json.dumps(recipe, default=vars, sort_keys=True)
    on_demand = table.get("on_demand", bool) if "on_demand" in table.value else False
    identity = hashlib.sha256(canonical.encode()).hexdigest()
    return Recipe(**recipe, directory=directory, on_demand=on_demand, identity=identity)


def _source(table: _Table) -> Source:
    return Source(
        package=table.text("package"),
        version=table.text("version"),
        file=table.text("file"),
        size=table.get("size", int),
        sha256=table.text("sha256", _SHA256),
        machine=table.value.get("machine"),
    )


def _result(table: _Table, machine: str) -> Result | None:
    if table.value.get("machine", machine) != machine:
        return None
    sha256 = table.text("sha256", _SHA256) if "sha256" in table.value else None
    return Result(path=table.text("path", _FILE), size=table.get("size", int), sha256=sha256)


class _Table:
    """A TOML table that knows where it stands, for error messages."""

    def __init__(self, value: dict[str, Any], where: str) -> None:
        self.value = value
        self.where = where

    def get(self, key: str, kind: type) -> Any:
        found = self.value.get(key)
        if type(found) is not kind:
            problem = "is missing" if found is None else f"must be a {kind.__name__}"
            raise BuildError(f"{self.where}: {key} {problem}; add it")
        return found

    def text(self, key: str, form: re.Pattern[str] | None = None) -> str:
        found = self.get(key, str)
        if form is not None and not form.fullmatch(found):
            raise BuildError(f'{self.where}: {key} = "{found}" is not of the form {form.pattern}')
        return found

    def tables(self, key: str) -> list[dict[str, Any]]:
        found = self.get(key, list)
        if not all(isinstance(entry, dict) for entry in found):
            raise BuildError(f"{self.where}: {key} must be written as [[{key}]] tables")
        return found
