"""Tensors out of a TensorFlow checkpoint, without TensorFlow.

A checkpoint "PREFIX" is two files. "PREFIX.index" is a LevelDB table: blocks of keys in order, each
key sharing its first bytes with the one before, whose values are little protocol buffers that say
where a tensor lies; "PREFIX.data-00000-of-00001" is the tensors, one after the other. Only what
published checkpoints of small networks need is read: one data file, float32, blocks that are not
compressed. Anything else is refused in a sentence, so that nothing is misread silently.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from partwise.errors import PartwiseError

_FOOTER_BYTES = 48  # two block handles, padding, the magic number
_MAGIC = 0xDB4775248B80FB57  # of a LevelDB table
_FLOAT32 = 1  # DataType.DT_FLOAT
# Fields of BundleEntryProto, TensorShapeProto and its Dim, by their numbers.
_DTYPE, _SHAPE, _SHARD, _OFFSET, _SIZE = 1, 2, 3, 4, 5
_DIM = 2
_DIM_SIZE = 1


def read_checkpoint(prefix: str | Path) -> dict[str, np.ndarray]:
    """Every float32 tensor of the checkpoint, by name. Tensors of other types are passed over.

    prefix : what TensorFlow was given to save; it may end in a slash ("folder/" for
    "folder/.index"). Raises PartwiseError for files that are missing, damaged or of another kind.
    """
    index_path = Path(f"{prefix}.index")
    data_path = Path(f"{prefix}.data-00000-of-00001")
    try:
        index, data = index_path.read_bytes(), data_path.read_bytes()
    except OSError as error:
        raise PartwiseError(
            f"{error.filename}: cannot be read ({error.strerror}): install its package again"
        ) from None
    try:
        return dict(_tensors(index, data))
    except (IndexError, KeyError, struct.error, UnicodeDecodeError, ValueError) as error:
        raise PartwiseError(
            f"{index_path}: is not a TensorFlow checkpoint that can be read here ({error}): "
            "install its package again"
        ) from None


def _tensors(index: bytes, data: bytes) -> Iterator[tuple[str, np.ndarray]]:
    if len(index) < _FOOTER_BYTES or struct.unpack("<Q", index[-8:])[0] != _MAGIC:
        raise ValueError("no LevelDB table")
    footer = index[-_FOOTER_BYTES:]
    _, at = _handle(footer, 0)  # of the block of filters, which is empty
    (start, size), _ = _handle(footer, at)
    for _, value in _block(index, start, size):
        (start, size), _ = _handle(value, 0)
        for key, entry in _block(index, start, size):
            if key:  # the entry without a name is the checkpoint's header
                tensor = _tensor(dict(_fields(entry)), data)
                if tensor is not None:
                    yield key.decode(), tensor


def _tensor(entry: dict[int, int | bytes], data: bytes) -> np.ndarray | None:
    if entry.get(_DTYPE) != _FLOAT32:
        return None
    if entry.get(_SHARD, 0) != 0:
        raise ValueError("it has several data files")
    shape = [
        int(dict(_fields(dim)).get(_DIM_SIZE, 0))
        for number, dim in _fields(bytes(entry.get(_SHAPE, b"")))
        if number == _DIM and isinstance(dim, bytes)
    ]
    offset, size = int(entry.get(_OFFSET, 0)), int(entry.get(_SIZE, 0))
    if size != 4 * math.prod(shape) or offset + size > len(data):
        raise ValueError("a tensor does not fit into its data file")
    return np.frombuffer(data, "<f4", size // 4, offset).reshape(shape)


def _handle(buffer: bytes, at: int) -> tuple[tuple[int, int], int]:
    """Where a block lies (start, size), and where the next thing begins."""
    start, at = _varint(buffer, at)
    size, at = _varint(buffer, at)
    return (start, size), at


def _block(table: bytes, start: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """The keys and values of one block. After it comes one byte: how it is compressed."""
    if table[start + size] != 0:
        raise ValueError("its index is compressed")
    block = table[start : start + size]
    restarts = struct.unpack("<I", block[-4:])[0]
    end = len(block) - 4 - 4 * restarts
    at, key = 0, b""
    while at < end:
        shared, at = _varint(block, at)
        own, at = _varint(block, at)
        length, at = _varint(block, at)
        key = key[:shared] + block[at : at + own]
        at += own
        yield key, block[at : at + length]
        at += length


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Field number and value of each field of a protocol buffer."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == 0:
            value, at = _varint(message, at)
        elif wire_type == 2:
            length, at = _varint(message, at)
            value = message[at : at + length]
            at += length
        elif wire_type == 5:
            value = struct.unpack("<I", message[at : at + 4])[0]
            at += 4
        else:
            raise ValueError(f"a field of the unknown wire type {wire_type}")
        yield number, value


def _varint(buffer: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first; and where the next thing begins."""
    number = shift = 0
    while True:
        byte = buffer[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return number, at
