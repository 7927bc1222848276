"""Programs with a deadline, and waiting with one."""

import re
import subprocess
import time

LONGEST_CALL = 30.0
PAUSE = 0.05


def _busy():
    """How many programs want each processor of the machine that runs this one, from 1."""
    with open("/proc/cmdline", encoding="utf-8") as file:
        told = re.search(r"head_unit\.busy=([0-9.]+)", file.read())
    return max(1.0, float(told[1])) if told else 1.0


# Limits are those of a machine with a processor to spare; a busy one gets more time.
BUSY = _busy()


def run(*command, user=None, seconds=LONGEST_CALL):
    """Runs a program as root, or as another user with the groups that are theirs."""
    if user:
        command = ("setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", *command)
    return subprocess.run(command, capture_output=True, text=True, timeout=seconds * BUSY, check=False)


def output(*command, user=None, seconds=LONGEST_CALL):
    """What a program prints that must succeed."""
    ended = run(*command, user=user, seconds=seconds)
    assert ended.returncode == 0, f"{command} ended with {ended.returncode}: {ended.stdout}{ended.stderr}"
    return ended.stdout


def wait_until(what, happened, seconds):
    """Asks again and again until the answer is true; gives the answer and the time it took."""
    began = time.monotonic()
    seconds *= BUSY
    while True:
        answer = happened()
        took = time.monotonic() - began
        if answer:
            assert took <= seconds, f"{what} took {took:.1f} s and may take {seconds:.1f} s"
            return answer, took
        assert took <= seconds, f"not within {seconds:.1f} s: {what}"
        time.sleep(PAUSE)


def time_until(what, happened, seconds):
    """How long it took until the answer was true."""
    return wait_until(what, happened, seconds)[1]
