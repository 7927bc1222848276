"""From power-on to ready."""

from checks.stage import CAN
from checks.tools import output
from checks.units import GATEWAY, VOICE, show, status_of, wait_active

BOOT = 60


def systemd_is_the_first_process(_):
    with open("/proc/1/comm", encoding="utf-8") as file:
        assert file.read() == "systemd\n"
    return output("systemd-analyze", "--version").splitlines()[0]


def the_can_interface_is_up(_):
    shown = output("ip", "-details", "link", "show", CAN)
    assert "UP" in shown and "vcan" in shown, shown


def _confined(unit, user):
    pid, took = wait_active(unit, BOOT)
    status = status_of(pid)
    owner = output("id", "-u", user).strip()
    assert status["Uid"].split() == [owner] * 4 and owner != "0", status["Uid"]
    for capabilities in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[capabilities], 16) == 0, f"{capabilities} {status[capabilities]}"
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", status
    ready = int(show(unit, "ActiveEnterTimestampMonotonic")["ActiveEnterTimestampMonotonic"])
    started = int(show(unit, "ExecMainStartTimestampMonotonic")["ExecMainStartTimestampMonotonic"])
    return f"ready {(ready - started) / 1e6:.2f} s after its start; waited {took:.1f} s for it"


def the_gateway_is_ready_as_its_own_user_with_no_capability(_):
    return _confined(GATEWAY, "codriver-gateway")


def the_voice_daemon_is_ready_as_its_own_user_with_no_capability(_):
    return _confined(VOICE, "codriver")


CHECKS = [
    systemd_is_the_first_process,
    the_can_interface_is_up,
    the_gateway_is_ready_as_its_own_user_with_no_capability,
    the_voice_daemon_is_ready_as_its_own_user_with_no_capability,
]
