"""Makes sentences with their answers out of the corpus, the same ones for the same seed."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Iterator

from . import template, values
from .catalog import Call, Catalog, Command, MAX_CALLS, answer, context
from .corpus import LANGUAGES, SLOT, Corpus, Line, Sentence
from .dealing import Dealer
from .follow_ups import FollowUp
from .noise import Homophones
from .values import Lexicons

# How often each kind of sample is made; the rest are single commands.
SHARES = {"nothing": 0.25, "several": 0.24, "follow-up": 0.07, "indirect": 0.16, "phrase of a pack": 0.03}
HARD_SHARE = 0.6
"""Of single commands, parts of chains and what means nothing: taken from the hard lines where those are known."""
HEARD_SHARE = 0.08
HEARD_LINES = 1600
"""Of misheard sentences a language, for which the share above is meant; fewer are made less often, not learnt by heart."""

_BEFORE = {
    "en": ("please ", "hey ", "um ", "okay ", "could you ", "can you ", "uh ", "so ", "hey car ", "now ", "i'd like you to "),
    "zh": ("请", "麻烦", "帮我", "那个", "嗯", "请帮我", "给我", "你好", "麻烦你", "呃", "劳驾"),
}
_AFTER = {
    "en": (" please", " thanks", " now", " will you", " for me", " thank you", " right now"),
    "zh": ("吧", "啊", "谢谢", "好吗", "可以吗", "呗", "行吗", "哈"),
}
_JOINTS = {
    "en": (" and ", " and then ", ", ", " then ", ", and ", " and also ", " plus ", ", also ", " oh and ", ". ", " "),
    "zh": ("", "", "，", "，", "再", "，再", "然后", "，然后", "，还有", "顺便", "，顺便", "。", "接着", "同时"),
}


@dataclass(frozen=True)
class Sample:
    """What the model reads and what it should answer."""

    text: str
    language: str
    context: str
    """Calls before, as the answer to them was written; empty without."""
    answer: str
    calls: tuple[Call, ...]
    kind: str
    indirect: bool = False


class Sampler:
    """Draws samples of one split."""

    def __init__(
        self,
        catalog: Catalog,
        corpus: Corpus,
        follow_ups: list[FollowUp],
        lexicons: Lexicons,
        split: str,
        unrelated: dict[str, list[list[str]]],
        languages: tuple[str, ...] = LANGUAGES,
        hard: frozenset[Line] = frozenset(),
    ) -> None:
        self._catalog = catalog
        self._languages = languages
        self._lexicons = lexicons
        self._split = split
        lines = [line for line in corpus.lines if line.split == split]
        self._by_command: dict[tuple[str, str], list[Line]] = {}
        self.nothing: dict[str, list[Line]] = {language: [] for language in LANGUAGES}
        self.near: dict[str, list[Line]] = {language: [] for language in LANGUAGES}
        for line in lines:
            if line.command is not None:
                self._by_command.setdefault((line.language, line.command), []).append(line)
            elif line.where.startswith("negatives"):
                self.nothing[line.language].append(line)
            else:
                self.near[line.language].append(line)
        self._indirect = {
            language: [needs for needs in (
                [line for line in lines if line.indirect]
                for (of, _), lines in sorted(self._by_command.items()) if of == language
            ) if needs]
            for language in LANGUAGES
        }  # fmt: skip
        """By language, one list a command."""
        self._several = {of: [s for s in corpus.several if s.language == of and s.split == split] for of in LANGUAGES}
        self._follow_ups = {of: [s for s in follow_ups if s.language == of and s.split == split] for of in LANGUAGES}
        self._heard = {of: [s for s in corpus.heard if s.language == of and s.split == split] for of in LANGUAGES}
        self._unrelated = unrelated
        # Nearly every indirect need is hard, and they have a share of their own.
        known = [line for line in lines if line in hard and not line.indirect]
        self._hard = {of: [line for line in known if line.language == of and line.command] for of in LANGUAGES}
        self._hard_nothing = {of: [line for line in known if line.language == of and not line.command] for of in LANGUAGES}
        self._homophones = Homophones(line.text for line in corpus.lines if line.language == "zh")

    def commands(self) -> list[str]:
        """Those that the corpus teaches in every language of the model."""
        taught = [{name for (of, name) in self._by_command if of == language} for language in self._languages]
        return sorted(set.intersection(*taught))

    # Training: an endless, shuffled mixture.

    def stream(self, seed: int) -> Iterator[Sample]:
        dealer = Dealer(seed)
        while True:
            language = dealer.choice(self._languages)
            yield self._draw(language, dealer)

    def _draw(self, language: str, rng: Dealer) -> Sample:
        place = rng.random()
        if (place := place - SHARES["nothing"]) < 0:
            return self._dressed(self._draw_nothing(language, rng), rng, polite=False)
        if (place := place - SHARES["several"]) < 0:
            return self._dressed(self._draw_several(language, rng), rng)
        if (place := place - SHARES["follow-up"]) < 0:
            return self._dressed(self._draw_follow_up(language, rng), rng, polite=False)
        if (place := place - SHARES["indirect"]) < 0:
            line = rng.deal(rng.choice(self._indirect[language]))
            return self._dressed(self.single(line, rng), rng, polite=False)
        if (place := place - SHARES["phrase of a pack"]) < 0:
            command = self._catalog.commands[rng.choice(list(self._catalog.commands))]
            return self._dressed(self._of_pack(command, language, rng), rng)
        if place < HEARD_SHARE * min(1.0, len(self._heard[language]) / HEARD_LINES):
            return self._after_another(self.sentence(rng.deal(self._heard[language]), "heard"), rng)
        line = self._hard_line(language, rng) or rng.deal(self._by_command[language, self._any_command(language, rng)])
        return self._dressed(self.single(line, rng), rng, polite=not line.indirect)

    def _hard_line(self, language: str, rng: Dealer) -> Line | None:
        hard = self._hard[language]
        return rng.deal(hard) if hard and rng.random() < HARD_SHARE else None

    def _any_command(self, language: str, rng: random.Random) -> str:
        # Commands with more phrasings come somewhat more often.
        commands = [c for (of, c) in self._by_command if of == language]
        weights = [len(self._by_command[language, c]) ** 0.5 for c in commands]
        return rng.choices(commands, weights)[0]

    def _draw_nothing(self, language: str, rng: Dealer) -> Sample:
        unrelated = self._unrelated.get(language)
        place = rng.random()
        if unrelated and place < 0.2:
            return Sample(rng.choice(rng.choice(unrelated)), language, "", answer([]), (), "nothing")
        if self._hard_nothing[language] and rng.random() < HARD_SHARE:
            return self.single(rng.deal(self._hard_nothing[language]), rng)
        lines = self.near[language] if place < 0.55 and self.near[language] else self.nothing[language]
        return self.single(rng.deal(lines), rng)

    def _draw_several(self, language: str, rng: Dealer) -> Sample:
        if self._several[language] and rng.random() < 0.4:
            return self.sentence(rng.deal(self._several[language]), "several")
        return self.joined(language, rng)

    def joined(self, language: str, rng: Dealer) -> Sample:
        """Two to four single commands in one breath."""
        count = rng.choices((2, 3, 4), (6, 3, 1))[0]
        parts: list[Sample] = []
        while len(parts) < min(count, MAX_CALLS):
            hard = self._hard_line(language, rng)
            command = hard.command if hard else self._any_command(language, rng)
            if any(part.calls[0].command == command for part in parts) or command.startswith("assistant."):
                continue
            line = hard or rng.deal(self._by_command[language, command])
            # "set it to {x}" needs what was said before it.
            if not line.indirect and len(line.text) < (60 if language == "en" else 20):
                parts.append(self.single(line, rng))
        text = parts[0].text
        for part in parts[1:]:
            text += rng.choice(_JOINTS[language]) + part.text
        calls = tuple(call for part in parts for call in part.calls)
        return Sample(text, language, "", answer(list(calls)), calls, "several")

    def _draw_follow_up(self, language: str, rng: Dealer) -> Sample:
        return self.sentence(rng.deal(self._follow_ups[language]).draw(self._catalog, self._lexicons, rng), "follow-up")

    def _of_pack(self, command: Command, language: str, rng: random.Random) -> Sample:
        # The model can only quote what was said; a name that a phrase stands for is the phrases' affair.
        quotable = [
            (text, fixed)
            for text, fixed in command.phrases[language]
            if not any(command.arguments[name].kind == "text" and value not in text for name, value in fixed.items())
        ]
        text, fixed = rng.choice(quotable)
        text = template.sentence(text, language, rng)
        if language == "en":
            text = text.replace("{zone}", "{zone:adjective}")
        line = Line(text, language, self._split, command.name, tuple(fixed.items()), where=command.name)
        return self.single(line, rng)

    def to_speak(self, language: str, rng: Dealer) -> Sample:
        """A sentence as somebody says it with nothing done before: a command, several, or nothing to do."""
        place = rng.random()
        if place < 0.2:
            return self._draw_nothing(language, rng)
        if place < 0.35:
            return self._draw_several(language, rng)
        return self.single(rng.deal(self._by_command[language, self._any_command(language, rng)]), rng)

    def every_command(self, rng: Dealer) -> list[Sample]:
        """Every line of every command once."""
        return [
            self.single(line, rng)
            for (language, _), lines in sorted(self._by_command.items())
            if language in self._languages
            for line in lines
        ]

    # One line or sentence as it stands.

    def single(self, line: Line, rng: random.Random) -> Sample:
        """A line with its slots filled."""
        if line.command is None:
            return Sample(line.text, line.language, "", answer([]), (), "nothing")
        definition = self._catalog.commands[line.command]
        arguments = dict(line.fixed)
        text = line.text
        for name, form in line.slots:
            testing = self._split == "test"
            argument = definition.arguments[name]
            said, value = values.say(argument, form, line.language, testing, self._lexicons, rng)
            text = SLOT.sub(lambda _: said, text, count=1)
            arguments[name] = value
        if line.language == "en":
            text = text.replace("the the ", "the ")
        else:
            text = text.replace("点五度", "度半") if rng.random() < 0.5 else text
        call = self._catalog.call(line.command, arguments, line.where)
        return Sample(text, line.language, "", answer([call]), (call,), "single", line.indirect)

    def sentence(self, sentence: Sentence, kind: str) -> Sample:
        calls = sentence.calls
        return Sample(sentence.text, sentence.language, self._done(sentence.before), answer(list(calls)), calls, kind)

    def _done(self, calls: tuple[Call, ...]) -> str:
        return context([self._catalog.completed(call) for call in calls])

    # What happens to any sentence on its way from a mouth.

    def _dressed(self, sample: Sample, rng: random.Random, polite: bool = True) -> Sample:
        text, language = sample.text, sample.language
        quoted = '="' in sample.answer
        if polite and rng.random() < 0.15:
            text = rng.choice(_BEFORE[language]) + text
        if polite and rng.random() < 0.12 and not quoted:
            text += rng.choice(_AFTER[language])
        if language == "zh" and not quoted and rng.random() < 0.12:
            text = self._homophones.mishear(text, rng)
        if rng.random() < 0.4:  # as the recogniser writes
            text = text[:1].upper() + text[1:]
            stop = "？" if language == "zh" else "?"
            question = text.endswith(("吗", "呢")) or text.lower().startswith(("is ", "can ", "could ", "what", "how", "are "))
            text = text.rstrip("?？.。") + (stop if question else "。" if language == "zh" else ".")
        sample = replace(sample, text=text)
        return sample if sample.kind == "follow-up" else self._after_another(sample, rng)

    def _after_another(self, sample: Sample, rng: random.Random) -> Sample:
        """Now and then something was done before that has nothing to do with the sentence."""
        if rng.random() >= 0.2:
            return sample
        other = self._any_command(sample.language, rng)
        done = self.single(rng.choice(self._by_command[sample.language, other]), rng)
        return replace(sample, context=self._done(done.calls))

    # Evaluation: every line once, in order.

    def evaluation(self, seed: int, joined: int) -> list[Sample]:
        """The whole split, and `joined` sentences of several commands a language."""
        rng = Dealer(seed)
        samples = self.every_command(rng)
        for language in self._languages:
            samples += [self.single(line, rng) for line in self.near[language]]
            samples += [self.single(line, rng) for line in self.nothing[language]]
            samples += [self.joined(language, rng) for _ in range(joined)]
        samples += [self.sentence(s, "several") for of in self._languages for s in self._several[of]]
        drawn = (line.draw(self._catalog, self._lexicons, rng) for of in self._languages for line in self._follow_ups[of])
        samples += [self.sentence(s, "follow-up") for s in drawn]
        return samples
