"""A bus that is lost, and comes back."""

from checks import vehicle
from checks.stage import CAN, Lines, link, send
from checks.tools import output, time_until

# The gateway waits 5 s at most between two attempts.
BACK_WITHIN = 10
# Error frame: the controller is bus off.
BUS_OFF = "20000040#0000000000000000"


def _is_down():
    return vehicle.bus().startswith("down")


def _comes_back(stage):
    took = time_until("the bus is no longer down", lambda: not _is_down(), BACK_WITHIN)
    stage.start_car()
    time_until("a Set is done", lambda: vehicle.is_done(vehicle.TEMPERATURE, 25), 10)
    return took


def a_link_taken_down_is_said_and_refused_and_recovers(stage):
    link("down")
    lost = time_until("Bus says down", _is_down, 5)
    said = vehicle.bus()
    refused = vehicle.set_number(vehicle.TEMPERATURE, 20)
    assert refused[:2] == ["refused", "bus_down"], refused
    link("up")
    back = _comes_back(stage)
    return f"{said}\nknown after {lost:.1f} s, back {back:.1f} s after the link"


def an_interface_taken_away_is_said_and_its_return_recovers(stage):
    output("ip", "link", "delete", CAN)
    lost = time_until("Bus says down", _is_down, 5)
    said = vehicle.bus()
    output("ip", "link", "add", CAN, "type", "vcan")
    link("up")
    back = _comes_back(stage)
    return f"{said}\nknown after {lost:.1f} s, back {back:.1f} s after the interface"


def a_bus_off_is_told_on_dbus_and_recovers(stage):
    monitor = Lines("busctl", "monitor", "--json=short", vehicle.NAME)
    try:
        # It has no way to say that it listens: a call of ours that it shows.
        time_until("the monitor listens", lambda: vehicle.bus() and not monitor.lines.empty(), 10)
        send(BUS_OFF)
        monitor.wait_for("PropertiesChanged.*bus off", 5)
    finally:
        monitor.end()
    return f"back after {_comes_back(stage):.1f} s"


CHECKS = [
    a_link_taken_down_is_said_and_refused_and_recovers,
    an_interface_taken_away_is_said_and_its_return_recovers,
    a_bus_off_is_told_on_dbus_and_recovers,
]
