"""Whether an ONNX file keeps weights outside of itself, told from its bytes alone.

onnxruntime reads such weights from any file that the model names, and no checksum holds them. A
model is a protobuf message, and only what leads to a tensor is looked into. Whatever another reader
could take otherwise is refused: then both read the same.
"""

from collections.abc import Iterator

_PARTS = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {
        5: "tensor",
        6: "graph",
        10: "tensor",
        11: "graph",
        22: "sparse",
        23: "sparse",
    },
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
"""Fields that lead to tensors, by number, in each kind of message; see onnx.proto."""
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
"""Fields of a tensor: where its numbers are, and whether they are elsewhere."""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
"""How a field is written."""


def has_external_data(model: bytes) -> bool:
    """Whether any tensor of a model has its numbers in another file, or in memory.

    Raises:
        ValueError: the bytes are no message, or one that readers may take in different ways.
    """
    left = [("model", memoryview(model))]
    while left:  # a list, and no recursion: messages may be nested as deep as they like
        kind, message = left.pop()
        for number, value in _fields(message):
            if kind == "tensor" and number in (_EXTERNAL_DATA, _DATA_LOCATION) and value != 0:
                return True
            if number in _PARTS[kind] and isinstance(value, memoryview):
                left.append((_PARTS[kind][number], value))
    return False


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """A message's fields in turn: number and value; numbers of fixed size stay bytes."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        number, how = tag >> 3, tag & 7
        if not 0 < number < 2**29:
            raise ValueError(f"a field of number {number}")
        if how == _VARINT:
            value, place = _varint(message, place)
            yield number, value
            continue
        if how not in (_FIXED64, _BYTES, _FIXED32):  # groups: nobody writes them any more
            raise ValueError(f"a field of kind {how}")
        size = 8 if how == _FIXED64 else 4
        if how == _BYTES:
            size, place = _varint(message, place)
        if size > len(message) - place:
            raise ValueError("cut off")
        yield number, message[place : place + size]
        place += size


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """A whole number in steps of 7 bits, the lowest first; and the place after it."""
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            break
        byte = message[place]
        value, place = value | (byte & 0x7F) << shift, place + 1
        if byte < 0x80:
            return value, place
    raise ValueError("cut off")
