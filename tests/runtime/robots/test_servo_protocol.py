"""The bus protocol, byte by byte."""

import numpy as np
import pytest

from wildrobot_cli.runtime.robots import servo_protocol as protocol
from wildrobot_cli.runtime.robots.servo_protocol import Frame, Parser

ANSWER = protocol.pack(3, protocol.POSITION, (512).to_bytes(2, "little"))


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        # By hand: id + length + command + parameters, inverted, is the last byte.
        (protocol.move(1, 500, 1000), "5555010701f401e80316"),
        (protocol.ask_position(7), "5555 07 03 1c d9"),
        (protocol.load(protocol.EVERYONE, False), "5555 fe 04 1f 00 de"),
        (protocol.load(2, True), "5555 02 04 1f 01 d9"),
    ],
)
def test_frames_are_as_the_protocol_says(frame, expected):
    assert frame == bytes.fromhex(expected)


def test_lengths_are_those_of_the_bus_budget():
    assert len(protocol.move(1, 0)) == protocol.MOVE_BYTES
    assert len(protocol.ask_position(1)) == protocol.ASK_BYTES
    assert len(ANSWER) == protocol.ANSWER_BYTES


def test_all_targets_and_half_the_readings_fit_into_a_control_period_and_all_do_not():
    assert protocol.bus_time(11, 11) == pytest.approx(0.0229, abs=1e-4)
    assert protocol.bus_time(11, 6) < 0.02 < protocol.bus_time(11, 11)


def test_an_answer_gives_a_signed_position():
    (frame,) = Parser().feed(ANSWER)
    assert protocol.read_position(frame) == 512
    assert protocol.read_position(Frame(3, protocol.POSITION, b"\xf6\xff")) == -10
    assert protocol.read_position(Frame(3, protocol.POSITION, b"")) is None
    assert protocol.read_position(Frame(3, protocol.LOAD, b"\x00\x00")) is None


def test_frames_come_whole_from_bytes_in_any_parts():
    stream = ANSWER + protocol.move(2, 300) + b"\x55" + ANSWER
    for size in range(1, len(stream)):
        parser, frames = Parser(), []
        for start in range(0, len(stream), size):
            frames += parser.feed(stream[start : start + size])
        assert [frame.servo for frame in frames] == [3, 2, 3], size
        assert parser.corrupt <= 1  # the stray byte looks like a header with the next frame's


@pytest.mark.parametrize("place", range(len(ANSWER)))
def test_a_flipped_bit_never_passes_as_another_reading(place):
    for bit in range(8):
        damaged = bytearray(ANSWER)
        damaged[place] ^= 1 << bit
        frames = list(Parser().feed(bytes(damaged) + ANSWER))
        assert all(protocol.read_position(frame) == 512 for frame in frames)


def test_noise_between_frames_is_skipped():
    rng, parser, seen = np.random.default_rng(0), Parser(), 0
    for _ in range(200):
        noise = bytes(rng.integers(0, 256, rng.integers(0, 12)).astype(np.uint8).tolist())
        seen += sum(protocol.read_position(f) == 512 for f in parser.feed(noise + ANSWER + ANSWER))
    assert seen >= 200  # a frame may be lost behind noise that looks like the start of one
