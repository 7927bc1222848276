"""Who may do what on D-Bus."""

from checks import vehicle
from checks.stage import REQUEST
from checks.tools import output, run
from checks.vehicle import must_be_denied

STRANGER = "stranger"
COCKPIT = "cockpit"
VOICE_USER = "codriver"
ASSISTANT = ("org.codriver.Assistant", "/org/codriver/Assistant", "org.codriver.Assistant1")


def introspect(name, path, user):
    return run("busctl", "call", name, path, "org.freedesktop.DBus.Introspectable", "Introspect", user=user)


def a_stranger_may_neither_set_nor_get_nor_list_on_the_gateway(stage):
    stage.candump.forget()
    request = ("svus", vehicle.TEMPERATURE, "d", "19", "5000", "stranger-1")
    must_be_denied(vehicle.call("Set", *request, user=STRANGER))
    must_be_denied(vehicle.call("Get", "s", vehicle.TEMPERATURE, user=STRANGER))
    must_be_denied(vehicle.call("List", user=STRANGER))
    assert vehicle.get(vehicle.TEMPERATURE) != 19.0
    sent = [line for line in list(stage.candump.lines.queue) if f" {REQUEST}#26" in line]
    assert not sent, sent


def a_stranger_may_look_at_the_gateways_interfaces(_):
    shown = introspect(vehicle.NAME, vehicle.PATH, STRANGER)
    assert shown.returncode == 0 and vehicle.INTERFACE in shown.stdout, shown


def a_stranger_may_take_neither_name(_):
    for name in (vehicle.NAME, ASSISTANT[0]):
        for user in (STRANGER, COCKPIT):
            must_be_denied(
                run(
                    "busctl", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus",
                    "org.freedesktop.DBus", "RequestName", "su", name, "0", user=user,
                )
            )  # fmt: skip


def the_voice_daemons_user_may_set(_):
    answer = vehicle.set_number(vehicle.TEMPERATURE, 22, user=VOICE_USER)
    assert answer[0] == "done", answer


def a_cockpit_application_may_speak_to_the_assistant_but_not_to_the_gateway(_):
    sentence = ("SubmitText", "ss", "stop", "en")
    submitted = run("busctl", "call", *ASSISTANT, *sentence, user=COCKPIT)
    assert submitted.returncode == 0, submitted.stderr
    must_be_denied(vehicle.call("Get", "s", vehicle.TEMPERATURE, user=COCKPIT))


def a_stranger_may_read_the_assistants_state_and_nothing_else(_):
    output("busctl", "get-property", *ASSISTANT, "State", user=STRANGER)
    must_be_denied(run("busctl", "call", *ASSISTANT, "SubmitText", "ss", "stop", "en", user=STRANGER))
    must_be_denied(run("busctl", "set-property", *ASSISTANT, "Muted", "b", "true", user=STRANGER))


CHECKS = [
    a_stranger_may_neither_set_nor_get_nor_list_on_the_gateway,
    a_stranger_may_look_at_the_gateways_interfaces,
    a_stranger_may_take_neither_name,
    the_voice_daemons_user_may_set,
    a_cockpit_application_may_speak_to_the_assistant_but_not_to_the_gateway,
    a_stranger_may_read_the_assistants_state_and_nothing_else,
]
