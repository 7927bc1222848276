"""Reads request frames off the bus as somebody else would: python-can and cantools.

usage: read_bus.py HOST PORT CHANNEL DBC

Prints "ready", then one JSON object for each frame that the head unit (IVI) sends:
{"message": name, "signals": {name: value}}, until standard input ends.
"""

import json
import select
import sys

import can
import cantools

host, port, channel, dbc = sys.argv[1:]
database = cantools.database.load_file(dbc)
requests = {m.frame_id: m for m in database.messages if "IVI" in m.senders}


def attached() -> can.BusABC:
    """python-can wants the greeting alone in what it reads; where a frame came with it, it gives up."""
    for _ in range(50):
        try:
            return can.Bus(interface="socketcand", host=host, port=int(port), channel=channel)
        except can.CanError as error:
            last = error
    raise last


with attached() as bus:
    print("ready", flush=True)
    while True:
        frame = bus.recv(timeout=0.05)
        if frame is not None and frame.arbitration_id in requests:
            message = requests[frame.arbitration_id]
            signals = message.decode(frame.data, decode_choices=False)
            print(json.dumps({"message": message.name, "signals": signals}), flush=True)
        if select.select([sys.stdin], [], [], 0)[0] and not sys.stdin.read(1):
            break
