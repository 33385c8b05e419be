"""How much memory a process takes at most while it receives one message.

    python bench/memory.py {binary,text} {feed,buffer} OCTETS

prints VmHWM, in octets (Linux). The message comes in reads of 64 KiB, which take no memory of
their own here: all are the same object. OCTETS 0: no message.
"""

from __future__ import annotations

import struct
import subprocess
import sys

from wsfast import MessageDecoder, Opcode

READ = 65536
KEY = b"\x37\xfa\x21\x3d"

KINDS = ("binary", "text")
# By feed(), or by get_buffer() and buffer_updated().
WAYS = ("feed", "buffer")


def peak() -> int:
    """This process's peak of resident memory, in octets."""
    with open("/proc/self/status") as lines:
        for line in lines:
            name, _, value = line.partition(":")
            if name == "VmHWM":
                return int(value.split()[0]) * 1024
    raise RuntimeError("no VmHWM in /proc/self/status")


def receive(kind: str, way: str, octets: int) -> int:
    """Receives the message; returns the length of what came out."""
    opcode = Opcode.TEXT if kind == "text" else Opcode.BINARY
    header = struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, octets) + KEY
    # READ is a multiple of the key's length.
    read = (
        int.from_bytes(b"text" * (READ // 4), "big") ^ int.from_bytes(KEY * (READ // 4), "big")
    ).to_bytes(READ, "big")
    decoder = MessageDecoder("server", max_message_length=octets)

    def give(data: bytes) -> list[tuple[Opcode, object]]:
        if way == "feed":
            return decoder.feed(data)
        came: list[tuple[Opcode, object]] = []
        while data:
            view = decoder.get_buffer(len(data))
            size = min(len(view), len(data))
            view[:size] = data[:size]
            data = data[size:]
            came += decoder.buffer_updated(size)
        return came

    if not octets:
        return 0
    messages = give(header)
    for _ in range(octets // READ):
        messages += give(read)
    ((_, payload),) = messages
    return len(payload)  # type: ignore[arg-type]


def peak_of(kind: str, way: str, octets: int) -> int:
    """The peak of a fresh process that receives one such message."""
    command = [sys.executable, __file__, kind, way, str(octets)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


if __name__ == "__main__":
    octets = int(sys.argv[3])
    assert receive(sys.argv[1], sys.argv[2], octets) == octets
    print(peak())
