"""From D-Bus to the wire and back."""

from checks import vehicle
from checks.stage import REQUEST, send
from checks.tools import time_until

CABIN = "Vehicle.Cabin.HVAC.AmbientAirTemperature"
# 26 and 11.5 degrees: half degrees above -40.
CABIN_26 = "2B2#84670000"


def a_set_is_on_the_wire_for_candump_and_confirmed_by_the_car(stage):
    time_until("the bus is up", lambda: vehicle.bus() == "up", 10)
    stage.candump.forget()
    answer = vehicle.set_number(vehicle.TEMPERATURE, 23.5)
    assert answer[0] == "done", answer
    frame = stage.candump.wait_for(f" {REQUEST}#2F", 5)
    assert vehicle.get(vehicle.TEMPERATURE) == 23.5
    return frame


def a_status_that_cansend_sends_is_what_get_answers(stage):
    stage.order("silent", "AirTemperatures")

    def answered():
        send(CABIN_26)
        return vehicle.has_value(CABIN) and vehicle.get(CABIN) == 26.0

    took = time_until("Get answers 26", answered, 10)
    return f"{took:.2f} s"


def a_status_that_stays_away_is_unknown_and_not_the_last_value(stage):
    took = time_until("Get has no value", lambda: not vehicle.has_value(CABIN), 10)
    refused = vehicle.call("Get", "s", CABIN)
    assert "does not report" in refused.stderr, refused.stderr
    stage.order("resume", "AirTemperatures")
    time_until("Get has a value", lambda: vehicle.has_value(CABIN), 5)
    assert vehicle.get(CABIN) == 24.0
    return f"unknown after {took:.1f} s"


CHECKS = [
    a_set_is_on_the_wire_for_candump_and_confirmed_by_the_car,
    a_status_that_cansend_sends_is_what_get_answers,
    a_status_that_stays_away_is_unknown_and_not_the_last_value,
]
