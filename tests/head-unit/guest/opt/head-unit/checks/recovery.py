"""systemd brings back what dies or hangs."""

import os
import signal
import time

from checks import vehicle
from checks.tools import BUSY, output, time_until
from checks.units import (
    GATEWAY,
    VOICE,
    forget_starts,
    main_pid,
    restarts,
    show,
    wait_active,
)

KILLED_BACK_WITHIN = 3
# WatchdogSec=10, RestartSec and a start.
HUNG_BACK_WITHIN = 20


def _works():
    return time_until("a Set is done", lambda: vehicle.is_done(vehicle.TEMPERATURE, 21), 10)


def _comes_back_after(unit, blow, within):
    forget_starts(unit)
    pid, before = main_pid(unit), restarts(unit)
    assert pid, f"{unit} does not run"
    os.kill(pid, blow)
    _, took = wait_active(unit, within, other_than=pid)
    assert restarts(unit) == before + 1
    return took


def what_nobody_killed_has_not_been_restarted(_):
    # Longer than the watchdog of either waits.
    for unit in (GATEWAY, VOICE):
        ready = int(show(unit, "ActiveEnterTimestampMonotonic")["ActiveEnterTimestampMonotonic"])
        time.sleep(max(0.0, 12 - (time.monotonic() - ready / 1e6)))
        assert main_pid(unit) and restarts(unit) == 0, show(unit, "ActiveState", "NRestarts", "Result")


def a_killed_gateway_runs_and_works_again(_):
    took = _comes_back_after(GATEWAY, signal.SIGKILL, KILLED_BACK_WITHIN)
    works = _works()
    return f"ready {took:.1f} s after kill -9, a Set was done {works:.1f} s later"


def a_hung_gateway_is_killed_by_the_watchdog_and_works_again(_):
    took = _comes_back_after(GATEWAY, signal.SIGSTOP, HUNG_BACK_WITHIN)
    log = output("journalctl", "--boot", "--no-pager", f"--unit={GATEWAY}", "--grep=Watchdog timeout")
    works = _works()
    return f"ready {took:.1f} s after it hung, a Set was done {works:.1f} s later\n{log.strip()}"


def a_killed_voice_daemon_runs_again(_):
    took = _comes_back_after(VOICE, signal.SIGKILL, 10)
    output("busctl", "get-property", "org.codriver.Assistant", "/org/codriver/Assistant",
           "org.codriver.Assistant1", "State")  # fmt: skip
    return f"ready {took:.1f} s after kill -9"


def a_stopped_gateway_ends_cleanly_and_a_call_starts_it_again(_):
    forget_starts(GATEWAY)
    # The voice daemon would start it, too.
    output("systemctl", "stop", VOICE)
    began = time.monotonic()
    output("systemctl", "stop", GATEWAY)
    took = time.monotonic() - began
    shown = show(GATEWAY, "ActiveState", "Result")
    assert shown == {"ActiveState": "inactive", "Result": "success"} and took < 5 * BUSY, (shown, took)
    # Activation: the bus asks systemd for the unit, which is ready when the call arrives.
    assert vehicle.bus(), "no answer"
    assert main_pid(GATEWAY)
    _works()
    return f"ended within {took:.1f} s"


CHECKS = [
    what_nobody_killed_has_not_been_restarted,
    a_killed_gateway_runs_and_works_again,
    a_hung_gateway_is_killed_by_the_watchdog_and_works_again,
    a_killed_voice_daemon_runs_again,
    a_stopped_gateway_ends_cleanly_and_a_call_starts_it_again,
]
