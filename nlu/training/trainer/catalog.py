"""The commands of the intent packs, and calls written as the model answers them.

The syntax is that of `nlu/src/model/call.rs`: ` climate.warmer(zone=rear,degrees=2);media.next()`.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from .errors import TrainingError

NONE = " none"
OUTWARD = ("org.ofono", "org.codriver.Messages", "org.codriver.Home")
"""D-Bus services that reach out of the car: calls, messages, the garage."""
MAX_CALLS = 4


@dataclass(frozen=True)
class Argument:
    """One declared argument of a command."""

    name: str
    kind: str
    """`zone`, `number`, `choice`, `text` or `flag`."""
    unit: str | None = None
    minimum: float = 0.0
    maximum: float = 0.0
    step: float = 1.0
    allowed: tuple[str, ...] = ()
    """Names of zones or choices."""
    words: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    """Choice name -> language -> how it is said."""
    default: str | None = None
    """What it is when nobody says, as it stands in a call."""

    def written(self, value: str, where: str) -> str:
        """The value as it stands in a call; TrainingError when the pack refuses it."""
        if self.kind == "text":
            return f'"{value}"'
        if self.kind == "number":
            try:
                number = float(value)
            except ValueError:
                raise TrainingError(f"{where}: {self.name}={value} is not a number") from None
            if not self.minimum <= number <= self.maximum:
                raise TrainingError(f"{where}: {self.name}={value} is outside {self.minimum} to {self.maximum}")
            steps = (number - self.minimum) / self.step
            if abs(steps - round(steps)) > 1e-6:
                raise TrainingError(f"{where}: {self.name}={value} is not a step of {self.step}")
            return number_text(number)
        if value not in self.allowed:
            raise TrainingError(f"{where}: {self.name}={value} is not one of {', '.join(self.allowed)}")
        return value


@dataclass(frozen=True)
class Command:
    name: str
    arguments: dict[str, Argument]
    phrases: dict[str, list[tuple[str, dict[str, str]]]]
    """Language -> templates of the pack, each with the arguments it fixes."""
    moves: bool
    """Whether it moves something of the car, or places a call."""


@dataclass(frozen=True)
class Call:
    """One command with the arguments that were said, as text."""

    command: str
    arguments: tuple[tuple[str, str], ...]


def number_text(number: float) -> str:
    return f"{number:g}"


class Catalog:
    """All commands of a folder of intent packs."""

    def __init__(self, folder: Path) -> None:
        self.commands: dict[str, Command] = {}
        for path in sorted(folder.glob("*.toml")):
            pack = tomllib.loads(path.read_text(encoding="utf-8"))
            for table in pack.get("command", []):
                self.commands[table["name"]] = _command(table)
        if not self.commands:
            raise TrainingError(f"{folder}: no intent packs there; name their folder with --commands")

    def call(self, command: str, arguments: dict[str, str], where: str) -> Call:
        """A checked call, its arguments in the order of the pack."""
        definition = self.commands.get(command)
        if definition is None:
            raise TrainingError(f"{where}: there is no command {command}")
        unknown = set(arguments) - set(definition.arguments)
        if unknown:
            raise TrainingError(f"{where}: {command} has no argument {', '.join(sorted(unknown))}")
        written = tuple(
            (name, argument.written(arguments[name], where))
            for name, argument in definition.arguments.items()
            if name in arguments
        )
        return Call(command, written)

    def completed(self, call: Call) -> Call:
        """The call with the defaults of what was not said: as it is carried out."""
        said = dict(call.arguments)
        arguments = self.commands[call.command].arguments.values()
        whole = ((a.name, said.get(a.name, a.default)) for a in arguments)
        return Call(call.command, tuple((name, value) for name, value in whole if value is not None))

    def parse(self, text: str, where: str) -> list[Call]:
        """Calls as a person writes them in the corpus: `a.b(c=d);e.f()` or `none`."""
        text = text.strip()
        if text == "none":
            return []
        calls = []
        for part in text.split(";"):
            name, bracket, rest = part.strip().partition("(")
            if not bracket or not rest.endswith(")"):
                raise TrainingError(f'{where}: "{part}" is not a call; write pack.command(argument=value)')
            arguments = arguments_of(rest[:-1], where)
            calls.append(self.call(name, arguments, where))
        if len(calls) > MAX_CALLS:
            raise TrainingError(f"{where}: more than {MAX_CALLS} calls")
        return calls


def arguments_of(text: str, where: str) -> dict[str, str]:
    """Reads `a=b,c=d`; text may stand in quotes."""
    arguments = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = part.partition("=")
        if not equals:
            raise TrainingError(f'{where}: "{part}" is not argument=value')
        if name.strip() in arguments:
            raise TrainingError(f"{where}: {name.strip()} has two values; leave one")
        arguments[name.strip()] = value.strip().strip('"')
    return arguments


def context(calls: list[Call]) -> str:
    """What was done last, as `recent_calls` of `nlu/src/model/prompt.rs` tells the model."""
    return "".join(answer([call]) for call in calls).strip()


def answer(calls: list[Call]) -> str:
    """Calls as the model answers them."""
    if not calls:
        return NONE
    return " " + ";".join(
        f"{call.command}({','.join(f'{name}={value}' for name, value in call.arguments)})" for call in calls
    )


def _command(table: dict) -> Command:
    phrases = {
        language: [
            (entry, {}) if isinstance(entry, str) else (entry["text"], _plain(entry.get("arguments", {})))
            for entry in entries
        ]
        for language, entries in table.get("phrases", {}).items()
    }
    arguments = {name: _argument(name, entry) for name, entry in table.get("arguments", {}).items()}
    route = table.get("route", {})
    vehicle, application = route.get("vss", {}), route.get("dbus", {})
    moves = vehicle.get("operation", "get") != "get" or application.get("service", "").startswith(OUTWARD)
    return Command(table["name"], arguments, phrases, moves)


def _plain(arguments: dict) -> dict[str, str]:
    return {name: str(value) for name, value in arguments.items()}


def _argument(name: str, entry: dict) -> Argument:
    choices = entry.get("choices", {})
    default = entry.get("default")
    return Argument(
        name,
        entry["kind"],
        unit=entry.get("unit"),
        minimum=entry.get("min", 0.0),
        maximum=entry.get("max", 0.0),
        step=entry.get("step", 1.0),
        allowed=tuple(entry.get("allowed", choices)),
        words=choices,
        default=None if default is None else str(default).lower() if isinstance(default, bool) else _text(default),
    )


def _text(value: float | str) -> str:
    return value if isinstance(value, str) else number_text(value)
