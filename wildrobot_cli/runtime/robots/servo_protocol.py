"""Frames of the serial bus that LewanSoul and Hiwonder servos (HTD-45H, LX-16A, ...) speak.

A frame is 0x55 0x55, servo id, length, command, parameters, checksum. Length counts itself, the
command, the parameters and the checksum; the checksum is the inverted sum of all from the id on
(Hiwonder Bus Servo Communication Protocol, sections 3 and 4). 115,200 baud, one wire both ways.
"""

from collections.abc import Iterator
from typing import NamedTuple

HEADER = b"\x55\x55"
MOVE, POSITION, LOAD = 1, 28, 31
"""Commands: move to a position in a time, read the position, torque on or off."""
EVERYONE = 0xFE
"""The id that all servos obey; none answers to it."""
BAUD = 115_200
BITS_PER_BYTE = 10
"""A start bit, eight data bits, a stop bit."""
COUNTS = 1000
"""A position is 0 .. `COUNTS`, over `TRAVEL`."""
TRAVEL = 240.0
"""Degrees that `COUNTS` stand for."""
MOVE_BYTES, ASK_BYTES, ANSWER_BYTES = 10, 6, 8
"""Lengths of a move, of a question for the position, and of its answer."""
_SHORTEST, _LONGEST = 3, 7
"""Values of a frame's length field."""


class Frame(NamedTuple):
    """What a frame says."""

    servo: int
    """Id of the servo that it is for, or from."""
    command: int
    """See the commands above."""
    parameters: bytes
    """As the command defines them; numbers are little-endian."""


def pack(servo: int, command: int, parameters: bytes = b"") -> bytes:
    """Make a frame."""
    body = bytes((servo, len(parameters) + 3, command)) + parameters
    return HEADER + body + bytes((_checksum(body),))


def move(servo: int, position: int, milliseconds: int = 0) -> bytes:
    """Make a frame that moves a servo to a position; in no time is as fast as it can."""
    return pack(servo, MOVE, position.to_bytes(2, "little") + milliseconds.to_bytes(2, "little"))


def ask_position(servo: int) -> bytes:
    """Make a frame that asks a servo where it is."""
    return pack(servo, POSITION)


def load(servo: int, on: bool) -> bytes:
    """Make a frame that turns a servo's torque on or off."""
    return pack(servo, LOAD, bytes((on,)))


def read_position(frame: Frame) -> int | None:
    """Return the position that an answer gives, a signed number; None for another frame."""
    if frame.command != POSITION or len(frame.parameters) != 2:
        return None
    return int.from_bytes(frame.parameters, "little", signed=True)


def bus_time(moves: int, questions: int) -> float:
    """Time that frames take on the bus, without the servos' own pauses [s]."""
    count = moves * MOVE_BYTES + questions * (ASK_BYTES + ANSWER_BYTES)
    return count * BITS_PER_BYTE / BAUD


class Parser:
    """Finds frames in a stream of bytes that may come in parts, or damaged."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._bytes = bytearray()
        self.corrupt = 0
        """Frames whose length or checksum was wrong."""

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take bytes; yield the frames that are now complete."""
        self._bytes += data
        while True:
            start = self._bytes.find(HEADER)
            if start < 0:
                del self._bytes[: max(0, len(self._bytes) - 1)]
                return
            del self._bytes[:start]
            if len(self._bytes) < 4:
                return
            length = self._bytes[3]
            if not _SHORTEST <= length <= _LONGEST:
                self._skip()
                continue
            if len(self._bytes) < length + 3:
                return
            body, check = bytes(self._bytes[2 : length + 2]), self._bytes[length + 2]
            if _checksum(body) != check:
                self._skip()
                continue
            del self._bytes[: length + 3]
            yield Frame(body[0], body[2], body[3:])

    def clear(self) -> None:
        """Forget the beginning of a frame whose end never came."""
        self._bytes.clear()

    def _skip(self) -> None:
        """Look for the next header inside what was taken for a frame."""
        self.corrupt += 1
        del self._bytes[:1]


def _checksum(body: bytes) -> int:
    return ~sum(body) & 0xFF
