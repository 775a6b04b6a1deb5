# SPDX-License-Identifier: Apache-2.0
"""What was said on a loopback port, and tshark's view of it as AJP13.

tshark's dissector keeps one state for a frame, and so takes a body that follows its request in the
same TCP segment for a request: the AJP packets are put one by one into frames of their own, bytes and
order unchanged, before it decodes them. It also loses its way at packets of 65536 bytes (their length
is kept in 16 bits), and after a Get Body Chunk it takes packets for content until as much came as was
asked for, or an empty one: what it is to decode has neither."""
import collections
import os
import signal
import struct
import subprocess
import tempfile

import pytest
from agent import Output
from waiting import until

LINK_RAW = 101  # frames begin with the IP header


def run(*argv):
    return subprocess.run(['tshark', *argv], stdin=subprocess.DEVNULL, capture_output=True,
                          check=True).stdout.decode('latin-1')


class Capture:
    """Captures from its creation on; skips the test where that is not allowed."""

    def __init__(self, port):
        self.port = port
        self.dir = tempfile.TemporaryDirectory(prefix='mcmp-capture-')
        os.chmod(self.dir.name, 0o777)  # the capturing child may have dropped its rights
        self.path = os.path.join(self.dir.name, 'packets')
        self.process = subprocess.Popen(
            ['tshark', '-q', '-i', 'lo', '-f', f'tcp port {port}', '-w', self.path],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.said = Output(self.process.stderr)
        try:
            self.said.wait('Capture started|ermission|not permitted|no interfaces', 20)
        except AssertionError:
            self.__exit__()
            raise
        if not self.said.find('Capture started'):
            self.__exit__()
            pytest.skip('capturing on lo is not allowed here: ' + ' '.join(self.said.lines))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.said.thread.join(5)
        self.process.stderr.close()
        self.dir.cleanup()

    def finish(self, mark):
        """End it when these bytes have been captured."""
        def has_mark():
            with open(self.path, 'rb') as file:
                return mark in file.read()
        until(has_mark, 20, 'the last exchange was captured', pause=0.05)
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(20) == 0, self.said.lines

    def packets(self):
        """(stream, to the node, bytes) of each AJP packet, in the order in which they were whole."""
        waiting = collections.defaultdict(bytes)
        position = collections.defaultdict(lambda: 1)
        for line in run('-r', self.path, '-Y', 'tcp.len>0', '-T', 'fields', '-e', 'tcp.stream',
                        '-e', 'tcp.dstport', '-e', 'tcp.seq',
                        '-e', 'tcp.payload').splitlines():
            stream, to_port, sequence, payload = line.split('\t')
            way = (int(stream), int(to_port) == self.port)
            data = bytes.fromhex(payload)
            assert int(sequence) <= position[way], 'the capture has a gap'
            data = data[position[way] - int(sequence):]
            position[way] += len(data)
            waiting[way] += data
            while len(waiting[way]) >= 4:
                size = 4 + int.from_bytes(waiting[way][2:4], 'big')
                if len(waiting[way]) < size:
                    break
                yield *way, waiting[way][:size]
                waiting[way] = waiting[way][size:]
        assert not any(waiting.values()), 'the capture ends inside a packet'

    def frames(self):
        """A capture file of one frame for each AJP packet."""
        position = collections.defaultdict(lambda: 1)
        yield struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 1 << 18, LINK_RAW)
        for number, (stream, to_node, packet) in enumerate(self.packets()):
            ports = (20000 + stream, self.port) if to_node else (self.port, 20000 + stream)
            tcp = struct.pack('>HHIIBBHHH', *ports, position[stream, to_node],
                              position[stream, not to_node], 0x50, 0x18, 65535, 0, 0)
            position[stream, to_node] += len(packet)
            length = 40 + len(packet)
            address = struct.pack('>BBBB', 127, 0, 0, 1)
            yield (struct.pack('<IIII', number // 1000000, number % 1000000, length, length)
                   + struct.pack('>BBHHHBBH', 0x45, 0, length, number & 65535, 0, 64, 6, 0)
                   + address + address + tcp + packet)

    def decode(self, fields):
        """The values of each field over all packets, in order."""
        cut = os.path.join(self.dir.name, 'cut')
        with open(cut, 'wb') as file:
            file.writelines(self.frames())
        argv = ['-r', cut, '-d', f'tcp.port=={self.port},ajp13', '-Y', 'ajp13', '-T', 'fields',
                '-E', 'separator=/t', '-E', 'occurrence=a', '-E', 'aggregator=\x01']
        for field in fields:
            argv += ['-e', field]
        found = collections.defaultdict(list)
        for line in run(*argv).splitlines():
            for name, text in zip(fields, line.split('\t')):
                found[name] += [value for value in text.split('\x01') if value]
        return found
