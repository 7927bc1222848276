"""What the real polkit makes of the installed actions and rules."""

from checks import vehicle
from checks.tools import output, run, time_until
from checks.units import GATEWAY
from checks.vehicle import must_be_denied

ACTION = "org.codriver.vehicle."
CLASSES = ("reading", "comfort", "access", "driving")
# D-Bus and polkit let it ask for comfort, and for nothing else.
PANEL = "panel"
VOICE_USER = "codriver"
LOCK = "Vehicle.Cabin.Door.Row1.DriverSide.IsLocked"


def _may(user, action):
    """Whether polkit gives the action to a process of the user."""
    shell = f"pkcheck --action-id {ACTION}{action} --process $$"
    return run("sh", "-c", shell, user=user).returncode == 0


def polkit_knows_the_actions_and_gives_nobody_any_of_them_by_default(_):
    time_until("polkit answers", lambda: run("pkaction").returncode == 0, 20)
    for action in CLASSES:
        shown = output("pkaction", "--verbose", "--action-id", f"{ACTION}{action}")
        for kind in ("any", "inactive", "active"):
            line = f"implicit {kind}:"
            assert any(line in row and row.endswith(" no") for row in shown.splitlines()), shown
        assert not _may("stranger", action), action


def the_gateway_asks_polkit(_):
    log = output("journalctl", "--unit", GATEWAY, "--output=cat", "--no-pager")
    assert "polkit decides" in log, log


def the_rule_gives_the_voice_daemons_user_everything(_):
    for action in CLASSES:
        assert _may(VOICE_USER, action), action
    answer = vehicle.set_number(vehicle.TEMPERATURE, 21, user=VOICE_USER)
    assert answer[0] == "done", answer


def an_application_gets_what_its_rule_gives_and_nothing_else(_):
    answer = vehicle.set_number(vehicle.TEMPERATURE, 24, user=PANEL)
    assert answer[0] == "done", answer
    ended = vehicle.call("Set", "svus", LOCK, "b", "true", "5000", "panel-1", user=PANEL)
    assert ended.returncode == 0 and f"{ACTION}access" in ended.stdout, ended
    must_be_denied(vehicle.call("Get", "s", vehicle.TEMPERATURE, user=PANEL))
    must_be_denied(vehicle.call("Subscribe", user=PANEL))


CHECKS = [
    polkit_knows_the_actions_and_gives_nobody_any_of_them_by_default,
    the_gateway_asks_polkit,
    the_rule_gives_the_voice_daemons_user_everything,
    an_application_gets_what_its_rule_gives_and_nothing_else,
]
