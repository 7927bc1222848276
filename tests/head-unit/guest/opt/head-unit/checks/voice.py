"""A typed sentence from the voice daemon through D-Bus and the gateway to the car."""

from checks.stage import REQUEST
from checks.tools import output


def _say(stage, language, sentence, request):
    stage.candump.forget()
    said = output("codriverctl", "say", "--language", language, sentence)
    frame = stage.candump.wait_for(f" {REQUEST}#{request}", 5)
    return f"{said.strip()}\n{frame}"


def an_english_sentence_becomes_a_frame_and_is_done(stage):
    return _say(stage, "en", "set the driver temperature to 24 degrees", "30")


def a_mandarin_sentence_becomes_a_frame_and_is_done(stage):
    return _say(stage, "zh", "把温度调到二十一度", "2A")


CHECKS = [
    an_english_sentence_becomes_a_frame_and_is_done,
    a_mandarin_sentence_becomes_a_frame_and_is_done,
]
