"""Runs every check in order and reports in the Test Anything Protocol."""

import sys

from checks import boot, bus, loop, policy, polkit, recovery, sandbox, voice
from checks.report import report
from checks.stage import Stage
from checks.tools import BUSY

CHECKS = [
    check
    for subject in (boot, loop, policy, polkit, sandbox, voice, bus, recovery)
    for check in subject.CHECKS
]

print(f"# every limit is {BUSY:.1f} times as long, as the machine is busy", flush=True)
with Stage() as stage:
    sys.exit(0 if report(CHECKS, stage, sys.stdout) else 1)
