"""The command line: `python -m builder install|list|verify|pin [NAMES]`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from . import recipe
from .errors import BuildError
from .fetch import Downloads
from .lock import exclusive
from .packs import Store
from .pin import pin
from .progress import Progress

_REPOSITORY = Path(__file__).resolve().parents[3]


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns the exit code. Failures are one sentence on standard error."""
    # Names may stand behind options.
    options = _parser().parse_intermixed_args(arguments)
    try:
        if options.command == "pin":
            return _pin(options)
        recipes = _chosen(recipe.read(options.recipes), options)
        store = Store(options.store, options.downloads, Progress())
        return {"install": _install, "list": _list, "verify": _verify}[options.command](store, recipes)
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; run the same command again to go on", file=sys.stderr)
        return 130


def _install(store: Store, recipes: list[recipe.Recipe]) -> int:
    store.install(recipes)
    return 0


def _list(store: Store, recipes: list[recipe.Recipe]) -> int:
    for entry in recipes:
        languages = ",".join(entry.languages) or "-"
        print(f"{entry.name:28} {entry.version:10} {entry.kind:19} {languages:10} {entry.licence:12} {store.state(entry)}")
    return 0


def _verify(store: Store, recipes: list[recipe.Recipe]) -> int:
    problems = [problem for entry in recipes for problem in store.verify(entry)]
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    if not problems:
        print(f"{len(recipes)} model packs are whole")
    return 1 if problems else 0


def _pin(options: argparse.Namespace) -> int:
    progress = Progress()
    with exclusive(options.downloads, progress):
        for name in options.names:
            pin(options.recipes, name, Downloads(options.downloads, progress))
            progress.line(f"pinned {name} in {options.recipes}")
    return 0


def _chosen(recipes: dict[str, recipe.Recipe], options: argparse.Namespace) -> list[recipe.Recipe]:
    for name in options.names:
        if name not in recipes:
            raise BuildError(f'there is no model pack "{name}"; choose from {", ".join(recipes)}')
    if options.names:
        return [recipes[name] for name in options.names]
    return [entry for entry in recipes.values() if options.command == "list" or not entry.on_demand]


def _parser() -> argparse.ArgumentParser:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "codriver"
    store = Path(os.environ.get("CODRIVER_MODELS") or cache / "models")
    parser = argparse.ArgumentParser(prog="builder", description="Fetches, converts and checks Codriver's model packs.")
    parser.add_argument("command", choices=["install", "list", "verify", "pin"])
    parser.add_argument("names", nargs="*", metavar="NAME", help="model packs; when none is named, all but those made on demand")
    parser.add_argument("--store", type=Path, default=store, help="where packs are installed (default: %(default)s)")
    parser.add_argument("--downloads", type=Path, default=cache / "downloads", help="default: %(default)s")
    parser.add_argument("--recipes", type=Path, default=_REPOSITORY / "configs" / "models.toml", help="default: %(default)s")
    return parser


if __name__ == "__main__":
    sys.exit(main())
