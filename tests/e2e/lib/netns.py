# SPDX-License-Identifier: Apache-2.0
"""A network namespace for this process and all that it starts, with a loopback interface that takes
multicast. Nothing of the host's network is in it, and it goes with the process."""
import ctypes
import fcntl
import os
import socket
import struct
import subprocess

CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
SIOCGIFFLAGS = 0x8913
SIOCSIFFLAGS = 0x8914
IFF_UP = 0x1
IFF_MULTICAST = 0x1000


def enter():
    """None, or why it is impossible here. To be called before there are threads."""
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid = os.geteuid(), os.getegid()
    flags = CLONE_NEWNET if uid == 0 else CLONE_NEWNET | CLONE_NEWUSER
    if libc.unshare(flags) != 0:
        return f'no network namespace of its own: {os.strerror(ctypes.get_errno())}'
    if uid != 0:  # programs that are started here may set up its network, too
        for name, text in (('setgroups', 'deny'), ('uid_map', f'0 {uid} 1'), ('gid_map', f'0 {gid} 1')):
            with open(f'/proc/self/{name}', 'w', encoding='ascii') as file:
                file.write(text)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack('16sh14x', b'lo', 0)
        found = struct.unpack('16sh14x', fcntl.ioctl(control, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(control, SIOCSIFFLAGS,
                    struct.pack('16sh14x', b'lo', found | IFF_UP | IFF_MULTICAST))
    return None


def add_wire(name='wire0'):
    """An interface with addresses of both families, whose other end nobody listens at: loopback does
    not take multicast of IPv6, and hears what it sends in any case. None, or why there is none."""
    steps = ([f'link add {name} type veth peer name {name}-end'.split()]
             + [f'link set {end} up'.split() for end in (name, f'{name}-end')]
             + [f'addr add 10.9.8.1/24 dev {name}'.split(),
                f'-6 addr add fd00:9:8::1/64 dev {name} nodad'.split()])
    for step in steps:
        try:
            done = subprocess.run(['ip', *step], capture_output=True, text=True, check=False)
        except FileNotFoundError:
            return 'no program ip (package iproute2)'
        if done.returncode != 0:
            return f'ip {" ".join(step)}: {done.stderr.strip()}'
    return None
