"""What the units' sandboxes let a program do, tried by a program in them."""

import json
import pathlib
import shutil

from checks.stage import CAN
from checks.tools import output, run
from checks.units import GATEWAY, VOICE

UNITS = pathlib.Path("/run/systemd/system")
# Exposure levels of systemd-analyze security, in tenths.
EXPOSURE = {GATEWAY: 10, VOICE: 6}

# A program of theirs, because nothing else can be run there.
PROBE = "/usr/lib/codriver/head-unit-probe"

DROP_IN = f"""[Service]
Type=oneshot
Restart=no
WatchdogSec=0
ExecStart=
ExecStart={PROBE} -B /opt/head-unit/probe.py
StandardOutput=truncate:/run/head-unit-probe.json
"""


def _probe(unit):
    """What the probe finds in the place of the unit's program."""
    if not pathlib.Path(PROBE).exists():
        shutil.copy(pathlib.Path("/usr/bin/python3").resolve(), PROBE)
    name = f"probe-{unit}"
    shutil.copy(f"/usr/lib/systemd/system/{unit}", UNITS / name)
    folder = UNITS / f"{name}.d"
    folder.mkdir()
    (folder / "probe.conf").write_text(DROP_IN, encoding="utf-8")
    output("systemctl", "daemon-reload")
    ended = run("systemctl", "start", name)
    log = run("journalctl", "--boot", "--no-pager", "--output=cat", f"--unit={name}").stdout
    assert ended.returncode == 0, ended.stderr + log
    return json.loads(pathlib.Path("/run/head-unit-probe.json").read_text(encoding="utf-8"))


def _holds(found, allowed):
    """Nothing but what is allowed came out "ok", and what is allowed did."""
    interfaces = found.pop("interfaces")
    done = {name for name, outcome in found.items() if outcome == "ok"}
    assert done == allowed, f"beyond: {done - allowed}, missing: {allowed - done}; all: {found}"
    return f"{found}\ninterfaces: {interfaces}"


def only_can_and_unix_sockets_open_in_the_gateways_sandbox(_):
    found = _probe(GATEWAY)
    assert CAN in found["interfaces"], found
    return _holds(found, {"socket unix", "socket can", "bind can0", "write /tmp"})


def only_unix_sockets_open_in_the_voice_daemons_sandbox(_):
    found = _probe(VOICE)
    return _holds(found, {"socket unix", "write /tmp", "write the log"})


def _exposure(unit):
    command = ("systemd-analyze", "security", "--no-pager", f"--threshold={EXPOSURE[unit]}", unit)
    ended = run(*command)
    level = ended.stdout.strip().splitlines()[-1]
    assert ended.returncode == 0, level
    return level


def systemd_finds_the_gateway_exposed_at_most_1_0(_):
    return _exposure(GATEWAY)


def systemd_finds_the_voice_daemon_exposed_at_most_0_6(_):
    return _exposure(VOICE)


CHECKS = [
    only_can_and_unix_sockets_open_in_the_gateways_sandbox,
    only_unix_sockets_open_in_the_voice_daemons_sandbox,
    systemd_finds_the_gateway_exposed_at_most_1_0,
    systemd_finds_the_voice_daemon_exposed_at_most_0_6,
]
