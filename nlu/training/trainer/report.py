"""How much of what the corpus holds."""

from __future__ import annotations

from collections import Counter

from .catalog import Catalog
from .corpus import LANGUAGES, Corpus
from .follow_ups import FollowUp
from .needs import Need


def counts(corpus: Corpus, follow_ups: list[FollowUp], needs: list[Need], catalog: Catalog) -> str:
    """A table: lines by command and language, and what else there is."""
    lines = Counter((line.command, line.language) for line in corpus.lines)
    indirect = Counter(line.language for line in corpus.lines if line.indirect)
    rows = [f"{'':36}" + "".join(f"{language:>7}" for language in LANGUAGES)]
    for name in catalog.commands:
        rows.append(_row(name, (lines[name, language] for language in LANGUAGES)))
    rows.append(_row("all commands", (sum(lines[c, l] for c in catalog.commands) for l in LANGUAGES)))
    rows.append(_row("of these, indirect needs", (indirect[language] for language in LANGUAGES)))
    rows.append(_row("nothing to do", (lines[None, language] for language in LANGUAGES)))
    for name, sentences in (
        ("several commands", corpus.several),
        ("follow-ups", follow_ups),
        ("misheard", corpus.heard),
        ("list of needs to measure by", needs),
    ):
        rows.append(_row(name, (sum(s.language == language for s in sentences) for language in LANGUAGES)))
    return "\n".join(rows)


def _row(name: str, numbers) -> str:
    return f"{name:36}" + "".join(f"{number:7}" for number in numbers)
