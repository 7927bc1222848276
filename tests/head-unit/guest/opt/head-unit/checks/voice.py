"""A typed sentence from the voice daemon through D-Bus and the gateway to the car."""

import json
import pathlib

from checks.stage import REQUEST
from checks.tools import output, run

LOG = pathlib.Path("/var/lib/codriver/log")


def _say(stage, language, sentence, request):
    stage.candump.forget()
    said = output("codriverctl", "say", "--language", language, sentence)
    frame = stage.candump.wait_for(f" {REQUEST}#{request}", 5)
    return f"{said.strip()}\n{frame}"


def an_english_sentence_becomes_a_frame_and_is_done(stage):
    return _say(stage, "en", "set the driver temperature to 24 degrees", "30")


def a_mandarin_sentence_becomes_a_frame_and_is_done(stage):
    return _say(stage, "zh", "把温度调到二十一度", "2A")


def what_was_said_is_in_the_correction_log_for_root_and_nobody_else(_):
    kept = output("codriverctl", "log", "show", "--json").splitlines()
    heard = [json.loads(entry)["heard"]["text"] for entry in kept]
    assert "set the driver temperature to 24 degrees" in heard, heard
    for path, mode in [(LOG, 0o40700)] + [(file, 0o100600) for file in LOG.iterdir()]:
        stat = path.stat()
        assert (path.owner(), oct(stat.st_mode)) == ("codriver", oct(mode)), (path, oct(stat.st_mode))
    # It may press the button, and listen to what is said, but not look back.
    output("codriverctl", "status", user="cockpit")
    denied = run("codriverctl", "log", "show", user="cockpit")
    assert denied.returncode != 0 and "rejected" in denied.stderr.lower(), denied
    output("codriverctl", "log", "erase")
    left = list(LOG.glob("*.jsonl"))
    assert not left, left
    return f"{len(kept)} entries"


CHECKS = [
    an_english_sentence_becomes_a_frame_and_is_done,
    a_mandarin_sentence_becomes_a_frame_and_is_done,
    what_was_said_is_in_the_correction_log_for_root_and_nobody_else,
]
