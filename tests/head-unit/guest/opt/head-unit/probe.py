"""What a program may do inside a unit's sandbox, tried; one JSON object on standard output."""

import errno
import json
import mmap
import os
import socket
import subprocess

# An address that is routed nowhere.
ELSEWHERE = ("192.0.2.1", 9)


def tried(action):
    """Ok, or the name of what the kernel said."""
    try:
        action()
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))
    return "ok"


def can_bind():
    with socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW) as can:
        can.bind(("can0",))


def writes(path):
    def write():
        with open(path, "w", encoding="utf-8"):
            pass

    return write


SOCKETS = {
    "unix": (socket.AF_UNIX, socket.SOCK_STREAM, 0),
    "can": (socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW),
    "inet": (socket.AF_INET, socket.SOCK_DGRAM, 0),
    "inet6": (socket.AF_INET6, socket.SOCK_DGRAM, 0),
    "packet": (socket.AF_PACKET, socket.SOCK_RAW, 0),
    "netlink": (socket.AF_NETLINK, socket.SOCK_RAW, 0),
}

found = {f"socket {name}": tried(lambda made=made: socket.socket(*made).close()) for name, made in SOCKETS.items()}
found |= {
    "bind can0": tried(can_bind),
    "run /bin/sh": tried(lambda: subprocess.run(["/bin/sh", "-c", ":"], check=True)),
    "write /etc": tried(writes("/etc/codriver/written")),
    "write /usr": tried(writes("/usr/lib/codriver/written")),
    "write /var": tried(writes("/var/lib/codriver/written")),
    "write the log": tried(writes("/var/lib/codriver/log/written")),
    "write /run": tried(writes("/run/written")),
    "write /tmp": tried(writes("/tmp/written")),
    "read /root": tried(lambda: os.listdir("/root")),
    "open the disk": tried(lambda: open("/dev/ubda", "rb").close()),
    "map memory to write and run": tried(
        lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    ),
    "real-time priority": tried(lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))),
    "become root": tried(lambda: os.setuid(0)),
    "look at the first process": tried(lambda: os.stat("/proc/1")),
    "interfaces": sorted(os.listdir("/sys/class/net")),
}
print(json.dumps(found))
