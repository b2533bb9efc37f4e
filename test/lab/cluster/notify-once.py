"""Runs a program with a NOTIFY_SOCKET of its own and prints what it says there. usage: notify-once.py PROGRAM ARG..."""
import os
import socket
import subprocess
import sys
import tempfile
import threading

with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, 'notify')
    notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notices.bind(path)

    def listen():
        while True:
            # The descriptor that comes with BARRIER=1 is not taken, and so closed: its sender waits
            # for that.
            print(notices.recv(4096).decode(), flush=True)

    threading.Thread(target=listen, daemon=True).start()
    subprocess.run(sys.argv[1:], env=dict(os.environ, NOTIFY_SOCKET=path), check=True)
