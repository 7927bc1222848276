"""systemd's view of a unit."""

from checks.tools import output, run, wait_until

GATEWAY = "codriver-gatewayd.service"
VOICE = "codriverd.service"


def show(unit, *keys):
    """Properties of a unit by name."""
    text = output("systemctl", "show", unit, f"--property={','.join(keys)}")
    return dict(line.split("=", 1) for line in text.splitlines())


def main_pid(unit):
    """The main process of a unit that is active, else None."""
    shown = show(unit, "ActiveState", "MainPID")
    pid = int(shown["MainPID"])
    return pid if shown["ActiveState"] == "active" and pid else None


def wait_active(unit, seconds, other_than=None):
    """The main process of the unit, once it is ready, and the time it took."""

    def process():
        pid = main_pid(unit)
        return pid if pid != other_than else None

    try:
        return wait_until(f"{unit} is active", process, seconds)
    except AssertionError as error:
        state = run("systemctl", "status", "--no-pager", "--full", unit).stdout
        raise AssertionError(f"{error}\n{state}") from None


def restarts(unit):
    """How often systemd brought the unit back by itself."""
    return int(show(unit, "NRestarts")["NRestarts"])


def forget_starts(unit):
    """Starts counted until now no longer bring the unit nearer to its start limit."""
    output("systemctl", "reset-failed", unit)


def status_of(pid):
    """/proc/PID/status by key."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return {key: value.strip() for key, value in (line.split(":", 1) for line in file)}
