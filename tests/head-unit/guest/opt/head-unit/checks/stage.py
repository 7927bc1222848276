"""What stands around the gateway: the car, and the can-utils as third parties on its bus."""

import queue
import re
import subprocess
import threading
import time

from checks.tools import BUSY, output

CAN = "can0"
VEHICLE = "/etc/codriver/vehicles/demo"
# The request message that the checks look at: its first byte is the driver's
# temperature, in half degrees.
REQUEST = "2F1"
CAR = "/opt/head-unit/codriver-vehicle-sim"


class Lines:
    """A running program whose lines are kept in the order in which they came."""

    def __init__(self, *command):
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            bufsize=1,
        )
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))

    def forget(self):
        """Drops what has come until now."""
        while not self.lines.empty():
            self.lines.get_nowait()

    def wait_for(self, pattern, seconds):
        """The first line from now on in which the pattern is found."""
        seconds *= BUSY
        deadline = time.monotonic() + seconds
        others = []
        while True:
            try:
                line = self.lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no {pattern!r} within {seconds:.1f} s, but {others[-20:]}") from None
            if re.search(pattern, line):
                return line
            others.append(line)

    def end(self):
        """Ends the program."""
        self.process.kill()
        self.process.wait()


class Stage:
    """The car and candump, for all checks."""

    def __enter__(self):
        # Only the request that the checks look at.
        self.candump = Lines("stdbuf", "-oL", "candump", "-L", f"{CAN},{REQUEST}:7FF")
        self.car = None
        self.start_car()
        return self

    def __exit__(self, *_):
        self.candump.end()
        self.car.end()

    def start_car(self):
        """Starts the car, again where it has lost its bus."""
        if self.car:
            self.car.end()
        self.car = Lines(CAR, "--bus", f"socketcan:{CAN}", "--vehicle", VEHICLE)
        self.car.wait_for("^bus ", 20)

    def order(self, *words):
        """Tells the car how to be."""
        self.car.forget()
        self.car.process.stdin.write(" ".join(words) + "\n")
        self.car.process.stdin.flush()
        answer = self.car.wait_for("^(ok|error)", 5)
        assert answer == "ok", answer


def link(state):
    """Takes the CAN interface "up" or "down"."""
    output("ip", "link", "set", CAN, state)


def send(frame):
    """Sends a frame as a third party does."""
    output("cansend", CAN, frame)

