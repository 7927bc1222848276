"""The Test Anything Protocol, on the console of the virtual head unit."""

import subprocess
import time
import traceback

LOG_LINES = 25


def report(checks, stage, out):
    """Runs the checks, one after the other; True when all of them passed."""

    def say(line):
        print(line, file=out, flush=True)

    say(f"1..{len(checks)}")
    passed = True
    for number, check in enumerate(checks, 1):
        name = check.__name__.replace("_", " ")
        began = time.monotonic()
        try:
            said = check(stage)
            verdict = "ok"
        except Exception:  # noqa: BLE001 - a check fails in any way it likes, the next one still runs
            said = traceback.format_exc() + log()
            verdict = "not ok"
            passed = False
        say(f"{verdict} {number} - {name} # {time.monotonic() - began:.1f} s")
        for line in (said or "").splitlines():
            say(f"# {line}")
    return passed


def log():
    """The end of the journal."""
    journal = subprocess.run(
        ["journalctl", "--boot", "--no-pager", "--output=short-monotonic", f"--lines={LOG_LINES}"],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return journal.stdout
