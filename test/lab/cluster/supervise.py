"""systemd's side of Type=notify and of socket activation, for a service started by it: opens the sockets, hands them over,
reads the notices. usage: supervise.py NOTIFY_PATH PROGRAM ARG...; prints a JSON line per event; takes commands on standard
input: start, a signal's name, quit. Another start starts the service again with the same sockets."""
import ctypes
import fcntl
import json
import os
import signal
import socket
import sys
import threading

PR_SET_PDEATHSIG = 1
path, *program = sys.argv[1:]
notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notices.bind(path)
while True:
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    # As unloop.socket has it.
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    udp.bind(('127.0.0.1', 0))
    port = udp.getsockname()[1]
    tcp = socket.socket()
    try:
        tcp.bind(('127.0.0.1', port))
        break
    except OSError:
        # Somebody has the port for TCP.
        udp.close()
        tcp.close()
tcp.listen(128)
# Out of the way of 3 and 4.
held = [fcntl.fcntl(each, fcntl.F_DUPFD, 20) for each in (udp, tcp)]
lock = threading.Lock()


def tell(**event):
    with lock:
        print(json.dumps(event), flush=True)


def listen():
    while True:
        tell(event='notice', text=notices.recv(4096).decode())


def wait(pid):
    status = os.waitpid(pid, 0)[1]
    tell(event='exit', code=os.waitstatus_to_exitcode(status))


def start():
    pid = os.fork()
    if pid == 0:
        # The test may end this process by force: the service must not outlive it.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.dup2(held[0], 3)
        os.dup2(held[1], 4)
        environment = dict(os.environ, NOTIFY_SOCKET=path, WATCHDOG_USEC='1000000', WATCHDOG_PID=str(os.getpid()),
                           LISTEN_FDS='2', LISTEN_PID=str(os.getpid()))
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.execvpe(program[0], program, environment)
    threading.Thread(target=wait, args=(pid,), daemon=True).start()
    return pid


threading.Thread(target=listen, daemon=True).start()
tell(event='bound', port=port)
child = 0
for line in sys.stdin:
    word = line.strip()
    if word == 'quit':
        break
    if word == 'start':
        child = start()
    else:
        os.kill(child, getattr(signal, word))
