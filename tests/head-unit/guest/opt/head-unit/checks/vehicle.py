"""The gateway on D-Bus, by way of busctl."""

import itertools
import json

from checks.tools import output, run

NAME = "org.codriver.Vehicle"
PATH = "/org/codriver/Vehicle"
INTERFACE = "org.codriver.Vehicle1"

TEMPERATURE = "Vehicle.Cabin.HVAC.Station.Row1.Driver.Temperature"

_number = itertools.count(1)


def call(method, signature="", *arguments, user=None):
    """The ended busctl."""
    words = (method, signature, *arguments) if signature else (method,)
    return run("busctl", "--json=short", "call", NAME, PATH, INTERFACE, *words, user=user)


def set_number(path, value, user=None):
    """Outcome, reason and message of a Set."""
    request = f"check-{next(_number)}"
    ended = call("Set", "svus", path, "d", str(value), "5000", request, user=user)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)["data"]


def get(path, user=None):
    """The value of a path, or the gateway's reason for having none, as an AssertionError."""
    ended = call("Get", "s", path, user=user)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)["data"][0]["data"]


def has_value(path):
    """Whether Get answers with a value now."""
    return call("Get", "s", path).returncode == 0


def bus():
    """The property Bus."""
    text = output("busctl", "--json=short", "get-property", NAME, PATH, INTERFACE, "Bus")
    return json.loads(text)["data"]


def is_done(path, value):
    """Whether a Set is done now; for a gateway that may still be on its way back."""
    return set_number(path, value)[0] == "done"


def must_be_denied(ended):
    """The bus itself, or polkit by way of the gateway, must have refused the call."""
    refused = "Access denied" in ended.stderr or "AccessDenied" in ended.stderr
    assert ended.returncode != 0 and refused, f"not denied: {ended.stdout}{ended.stderr}"
