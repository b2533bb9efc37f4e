"""Runs a program as a container's runtime would: in a root of its own, as a user that is not root, with only the
capabilities named, never to gain more. usage: run-contained.py ROOT UID CAPABILITIES(comma, numbers, or -) PROGRAM ARG..."""
import ctypes
import os
import struct
import sys

PR_SET_KEEPCAPS, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, SYS_capset, LAST = 8, 24, 38, 126, 40
root, uid, capabilities, *program = sys.argv[1:]
kept = [] if capabilities == '-' else [int(number) for number in capabilities.split(',')]
libc = ctypes.CDLL(None, use_errno=True)


def call(function, *arguments):
    if function(*arguments) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


os.chroot(root)
os.chdir('/')
os.setgroups([])
for number in range(LAST + 1):
    if number not in kept:
        call(libc.prctl, PR_CAPBSET_DROP, number, 0, 0, 0)
call(libc.prctl, PR_SET_KEEPCAPS, 1, 0, 0, 0)
os.setresgid(int(uid), int(uid), int(uid))
os.setresuid(int(uid), int(uid), int(uid))
mask = sum(1 << number for number in kept)
header = struct.pack('<Ii', 0x20080522, 0)
data = struct.pack('<IIIIII', mask, mask, 0, 0, 0, 0)
call(libc.syscall, SYS_capset, header, data)
call(libc.prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
os.execve(program[0], program, {'PATH': '/usr/local/bin', 'NODE_ENV': 'production'})
