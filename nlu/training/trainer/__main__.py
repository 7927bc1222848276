"""The command line: `python -m trainer check|sets|tables|confidence|accuracy|train|train-prior|hard|calibrate|shares|encoder|speak|train-recogniser|wake|hear|spoken-sets|spoken-words|endpoints|single-words|spoken-tables|peer|hearing-peer`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from builder.errors import BuildError

from . import needs
from .accuracy import accuracy
from .cache import CACHE
from .catalog import Catalog
from .confidence import confidence
from .corpus import LANGUAGES, Corpus, check, read
from .errors import TrainingError
from .follow_ups import FollowUp
from .follow_ups import read as read_follow_ups
from .report import counts
from .single_words import figures as single_word_figures
from .spoken_tables import tables as spoken_tables
from .spoken_words import figures as word_figures
from .tables import tables

HERE = Path(__file__).resolve().parent.parent
REPOSITORY = HERE.parent.parent
PROGRAM = REPOSITORY / "target/release/codriverctl"
PACK = "codriver-intent-gemma3-270m-q8"
RECOGNISER = "whisper-base-q8_0"


def main() -> None:
    arguments = _arguments()
    catalog = Catalog(arguments.commands)
    corpus = read(arguments.corpus, catalog)
    follow_ups = read_follow_ups(arguments.corpus, catalog)
    if arguments.action == "check":
        listed = needs.read(arguments.corpus, catalog)
        check(corpus)
        needs.check(listed, corpus, follow_ups)
        print(counts(corpus, follow_ups, listed, catalog))
    elif arguments.action == "tables":
        print(tables(arguments.answers, catalog))
    elif arguments.action == "confidence":
        print(confidence(arguments.answers))
    elif arguments.action == "accuracy":
        print(accuracy(arguments))
    elif arguments.action == "spoken-tables":
        print(spoken_tables(arguments.answers, catalog))
    elif arguments.action == "spoken-words":
        print(word_figures(arguments))
    elif arguments.action == "single-words":
        print(single_word_figures(arguments))
    elif arguments.action == "sets":
        _write_sets(arguments, catalog, corpus, follow_ups)
    elif arguments.action == "peer":
        _compare(arguments, catalog, corpus, follow_ups)
    elif arguments.action.startswith("wake"):
        _wake(arguments, corpus)
    elif arguments.action == "speak":
        from .recogniser.material import speak

        speak(arguments, catalog, corpus)
    elif arguments.action == "train-recogniser":
        from .recogniser.adapting import train  # PyTorch takes seconds to load

        train(arguments)
    elif arguments.action == "train-prior":
        from .prior import train  # needs PyTorch

        train(arguments, catalog, corpus, follow_ups)
    elif arguments.action == "hard":
        from .hard import find  # needs PyTorch

        find(arguments, catalog, corpus, follow_ups)
    elif arguments.action == "shares":
        from .shares import shares  # needs ONNX Runtime

        print(shares(arguments))
    elif arguments.action == "encoder":
        from .encoder import beside_whisper_cpp  # needs PyTorch and ONNX Runtime

        print(beside_whisper_cpp(arguments))
    elif arguments.action == "calibrate":
        _calibrate(arguments, catalog, corpus, follow_ups)
    elif arguments.action in ("hear", "spoken-sets", "endpoints", "hearing-peer"):
        _speak(arguments, catalog, corpus)
    else:
        _train(arguments, catalog, corpus, follow_ups)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="trainer", description=__doc__)
    parser.add_argument("--commands", type=Path, default=REPOSITORY / "configs/commands", help="intent packs")
    parser.add_argument("--corpus", type=Path, default=HERE / "corpus")
    parser.add_argument("--public", type=Path, help="folder of public text sets, used where it is given")
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("check", help="read the corpus and count it; the list of needs may not stand in it")
    sets = actions.add_parser("sets", help="write the evaluation sentences")
    sets.add_argument("--split", choices=("validation", "test"), default="test")
    sets.add_argument("--languages", nargs="+", choices=LANGUAGES, default=LANGUAGES)
    sets.add_argument("--out", type=Path, required=True)
    sets.add_argument("--needs", action="store_true", help="add the list of indirect needs; it is in no split")
    sets.add_argument("--sample", type=int, help="only so many a language, in turn; drawn the same each time")
    compared = actions.add_parser("accuracy", help="compare an accelerator's answers with the CPU's")
    compared.add_argument("cpu", type=Path)
    compared.add_argument("other", type=Path)
    compared.add_argument("--within", type=float, default=1.0, help="percentage points")
    compared.add_argument("--at-least", type=int, default=200, help="sentences a language")
    for name in ("tables", "spoken-tables", "confidence"):
        doing = "fit the pack's calibration to" if name == "confidence" else "make figures of"
        table = actions.add_parser(name, help=f"{doing} the evaluator's answers")
        table.add_argument("answers", type=Path)
    peer = actions.add_parser("peer", help="compare speeds with llama.cpp")
    peer.add_argument("--decode", required=True, help="the command that runs our side")
    train = actions.add_parser("train", help="train an adapter")
    profiled = actions.add_parser("shares", help="where the time of a CPU graph goes")
    profiled.add_argument("--model", type=Path, required=True)
    listening = actions.add_parser("encoder", help="compare the recogniser's encoder on ONNX Runtime with whisper.cpp's")
    listening.add_argument("--program", type=Path, required=True, help="codriverctl")
    listening.add_argument("--pack", default="whisper-base-q8_0")
    listening.add_argument("--recipes", type=Path, default=REPOSITORY / "configs/models.toml")
    listening.add_argument("--downloads", type=Path, default=CACHE / "downloads")
    listening.add_argument("--providers", nargs="+", default=["CPUExecutionProvider"])
    listening.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    calibrate = actions.add_parser("calibrate", help="find the ranges of the graph for neural processors")
    calibrate.add_argument("--sentences", type=int, default=400)
    calibrate.add_argument("--out", type=Path, required=True, help="the ranges")
    for action in (peer, train, calibrate):
        action.add_argument("--recipes", type=Path, default=REPOSITORY / "configs/models.toml")
        action.add_argument("--pack", default=PACK)
        action.add_argument("--work", type=Path, default=CACHE / "training", help="base, checkpoint and log")
    train.add_argument("--out", type=Path, required=True, help="the adapter")
    train.add_argument("--start", type=Path, help="an adapter to go on from; without it, training begins anew")
    train.add_argument("--share", type=float, default=0.6, help="of the new weights in the adapter, with --start")
    train.add_argument("--hard", type=Path, help="the lines to see more often, as `hard` writes them")
    train.add_argument("--samples", type=int, default=60_000)
    train.add_argument("--rate", type=float, default=1e-3, help="the highest learning rate")
    train.add_argument("--minutes", type=float, default=140)
    train.add_argument("--rank", type=int, default=16)
    train.add_argument("--batch", type=int, default=16)
    train.add_argument("--seed", type=int, default=1)
    prior = actions.add_parser("train-prior", help="train the classifier that has a say in which commands are named")
    prior.add_argument("--out", type=Path, required=True, help="the classifier")
    prior.add_argument("--samples", type=int, default=300_000, help="beside every line of a command once")
    hard = actions.add_parser("hard", help="find the lines whose command the other lines do not tell")
    hard.add_argument("--out", type=Path, required=True, help="the lines, as `train --hard` reads them")
    hard.add_argument("--below", type=float, default=0.9, help="the probability of its command that makes a line hard")
    for action in (prior, hard):
        action.add_argument("--features", required=True, help="the command that tells features")
        action.add_argument("--epochs", type=int, default=7)
        action.add_argument("--buckets", type=int, default=1 << 17)
        action.add_argument("--width", type=int, default=64)
        action.add_argument("--dropout", type=float, default=0.3, help="share of the features that a round leaves out")
        action.add_argument("--rate", type=float, default=0.01, help="the highest learning rate")
        action.add_argument("--seed", type=int, default=1)
    speak = actions.add_parser("speak", help="speak sentences that the recogniser is to learn")
    speak.add_argument("--sentences", type=int, default=4000, help="of all languages together")
    speak.add_argument("--near-misses", type=Path, default=HERE / "wake", help="folder of what resembles a wake phrase")
    learn = actions.add_parser("train-recogniser", help="train an adapter of the recogniser")
    learn.add_argument("--recipes", type=Path, default=REPOSITORY / "configs/models.toml")
    learn.add_argument("--pack", default=RECOGNISER)
    learn.add_argument("--work", type=Path, default=CACHE / "training", help="checkpoint")
    learn.add_argument("--out", type=Path, required=True, help="the adapter")
    learn.add_argument("--noise", type=Path, help="folder of recorded noise; half of the noise is taken from it")
    learn.add_argument("--share", type=float, default=0.8, help="of what was learnt in the adapter; the rest is the base's")
    learn.add_argument("--samples", type=int, default=20_000, help="recordings heard in all, each often")
    learn.add_argument("--rate", type=float, default=6e-4, help="the highest learning rate")
    learn.add_argument("--minutes", type=float, default=60)
    learn.add_argument("--rank", type=int, default=16)
    learn.add_argument("--batch", type=int, default=16)
    learn.add_argument("--encoder-layers", type=int, default=3, help="that learn, from the top")
    learn.add_argument("--decoder-layers", type=int, default=6)
    for action in (speak, learn):
        action.add_argument("--sounds", type=Path, default=CACHE / "recogniser", help="what was spoken is kept there")
        action.add_argument("--seed", type=int, default=1)
    hear = actions.add_parser("hear", help="speak sentences for training and write what is misheard of them")
    hear.add_argument("--sentences", type=int, default=5000, help="to speak, a language")
    hear.add_argument("--languages", nargs="+", choices=LANGUAGES, default=LANGUAGES)
    hear.add_argument("--seed", type=int, default=1, help="another one gives other sentences; lines are added")
    _add_hearing(hear)
    spoken = actions.add_parser("spoken-sets", help="speak evaluation sentences and write what is heard of them")
    spoken.add_argument("--out", type=Path, required=True)
    ends = actions.add_parser("endpoints", help="speak evaluation sentences and measure where utterances begin and end")
    ends.add_argument("--out", type=Path, help="a line a recording, to look into")
    for action in (spoken, ends):
        action.add_argument("--languages", nargs="+", choices=LANGUAGES, default=LANGUAGES)
    beside = actions.add_parser("hearing-peer", help="compare latency and misheard words with faster-whisper")
    beside.add_argument("--peer-python", type=Path, required=True, help="that of an environment with faster-whisper")
    beside.add_argument("--recipes", type=Path, default=REPOSITORY / "configs/models.toml")
    beside.add_argument("--work", type=Path, default=CACHE / "training", help="the weights are written there")
    beside.add_argument("--recordings", type=int, default=120, help="to compare, of the sentences in turn")
    for action in (spoken, ends, beside):
        action.add_argument("--split", choices=("validation", "test"), default="test")
        action.add_argument("--sentences", type=int, default=200, help="to speak, a language")
        action.add_argument("--sounds", type=Path, default=CACHE / "speech", help="what was spoken before is kept there")
        _add_hearing(action)
    heard = actions.add_parser("spoken-words", help="count the words that were misheard")
    heard.add_argument("heard", type=Path, help="what spoken-sets wrote")
    heard.add_argument("--program", type=Path, default=PROGRAM)
    single = actions.add_parser("single-words", help="count the single words of real speakers that are heard rightly")
    single.add_argument("folders", type=Path, nargs="+", help="of recordings, with manifest.tsv")
    single.add_argument("--each", type=int, help="only so many recordings of every word")
    single.add_argument("--program", type=Path, default=PROGRAM)
    wake = actions.add_parser("wake", help="train the head that listens for a wake phrase")
    wake.add_argument("--phrase", required=True)
    wake.add_argument("--spoken", help="the phrase as a voice reads it rightly, where that is another spelling")
    wake.add_argument("--out", type=Path, required=True, help="the head, as ONNX")
    wake.add_argument("--embedding", type=Path, required=True, help="the installed model pack of the backbone")
    wake.add_argument("--near-misses", type=Path, default=HERE / "wake", help="folder of what must not wake")
    wake.add_argument("--noise", type=Path, help="folder of recorded noise; half of the noise is taken from it")
    wake.add_argument("--speech", type=Path, help="folder of human speech that is not the phrase")
    wake.add_argument("--sounds", type=Path, default=CACHE / "wake", help="what was spoken before is kept there")
    wake.add_argument("--recordings", type=int, default=120, help="of the phrase; of other speech in proportion")
    wake.add_argument("--seed", type=int, default=1)
    figures = actions.add_parser("wake-set", help="record wake phrases and other speech to measure with")
    figures.add_argument("--phrases", nargs="*", default=[], help="PHRASE, or PHRASE=AS A VOICE READS IT RIGHTLY")
    figures.add_argument("--noise", type=Path, help="folder of recorded noise; half of the noise is taken from it")
    figures.add_argument("--speech", type=Path, help="folder of human speech that is not the phrase")
    figures.add_argument("--minutes", type=float, default=180, help="of other speech")
    figures.add_argument("--out", type=Path, required=True, help="folder of the recordings")
    tables = actions.add_parser("wake-tables", help="make figures of what codriverctl wake answers")
    tables.add_argument("answers", type=Path)
    tables.add_argument("--out", type=Path, required=True, help="folder of the recordings")
    prompts = actions.add_parser("wake-prompts", help="unpack the human speech that Debian has")
    prompts.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


def _add_hearing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--program", type=Path, default=PROGRAM)
    parser.add_argument("--noise", type=Path, help="folder of recorded noise; half of the noise is taken from it")


def _train(arguments: argparse.Namespace, catalog: Catalog, corpus: Corpus, follow_ups: list[FollowUp]) -> None:
    from .adapting import train  # PyTorch takes seconds to load

    train(arguments, catalog, corpus, follow_ups)


def _calibrate(arguments: argparse.Namespace, catalog: Catalog, corpus: Corpus, follow_ups: list[FollowUp]) -> None:
    from .calibrating import calibrate  # needs the tokenizer's package, which checking does not

    calibrate(arguments, catalog, corpus, follow_ups)


def _compare(arguments: argparse.Namespace, catalog: Catalog, corpus: Corpus, follow_ups: list[FollowUp]) -> None:
    from .peer import compare  # needs llama.cpp, which nothing else does

    compare(arguments, catalog, corpus, follow_ups)


def _speak(arguments: argparse.Namespace, catalog: Catalog, corpus: Corpus) -> None:
    from . import endpoints, hearing_peer, listening, spoken_sets  # the voices have packages of their own

    actions = {"hear": listening.hear, "spoken-sets": spoken_sets.write, "endpoints": endpoints.measure, "hearing-peer": hearing_peer.compare}
    actions[arguments.action](arguments, catalog, corpus)


def _wake(arguments: argparse.Namespace, corpus: Corpus) -> None:
    from .wake import figures, prompts, train  # the voices have packages of their own

    if arguments.action == "wake":
        train.train(arguments, corpus)
    elif arguments.action == "wake-set":
        figures.write(arguments)
    elif arguments.action == "wake-tables":
        print(figures.tables(arguments))
    else:
        prompts.unpack(prompts.INSTALLED, arguments.out)


def _write_sets(arguments: argparse.Namespace, catalog: Catalog, corpus: Corpus, follow_ups: list[FollowUp]) -> None:
    from .evaluation_sets import write

    write(arguments, catalog, corpus, follow_ups, needs.read(arguments.corpus, catalog))


try:
    main()
except (TrainingError, BuildError) as error:
    sys.exit(f"trainer: {error}")
