"""The reader on checkpoints written here: no TensorFlow, and none of its files, is needed."""

import struct

import numpy as np
import pytest

from partwise import PartwiseError
from partwise_lab.rivals.tf_checkpoint import read_checkpoint

FLOAT32, INT64 = 1, 9
TENSORS = {
    "conv/bias": np.arange(200, dtype=np.float32),
    "conv/kernel": np.random.default_rng(0).standard_normal((7, 38, 1, 2)).astype(np.float32),
    "conv/kernel/Adam": np.ones((3, 1), np.float32),
    "power": np.array(0.5, np.float32),
    "step": np.array(7, np.int64),
}


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out) + bytes([number])


def field(number, value):
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    return varint(number << 3) + varint(value)


def block(entries, compression=0):
    """Keys share what they can with the one before, as LevelDB writes them."""
    out, last = b"", b""
    for key, value in entries:
        shared = 0
        while shared < min(len(key), len(last)) and key[shared] == last[shared]:
            shared += 1
        out += (
            varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        )
        last = key
    out += struct.pack("<II", 0, 1)  # one restart point, at 0
    return out, out + bytes([compression]) + b"crc!"


def write(folder, *, shard=0, compression=0, short=0):
    data, entries = b"", [(b"", field(1, 1))]  # the header: one data file
    for name, tensor in TENSORS.items():
        dims = b"".join(field(2, field(1, size)) for size in tensor.shape)
        kind = FLOAT32 if tensor.dtype == np.float32 else INT64
        entry = field(1, kind) + field(2, dims) + (field(3, shard) if shard else b"")
        entry += field(4, len(data)) + field(5, tensor.nbytes)
        entry += varint(6 << 3 | 5) + b"\0\0\0\0"  # a checksum
        entries.append((name.encode(), entry))
        data += tensor.tobytes()
    inside, table = block(entries, compression)
    where = varint(0) + varint(len(inside))
    index, index_and_trailer = block([(b"z", where)])
    footer = varint(0) + varint(0) + varint(len(table)) + varint(len(index))
    footer = footer.ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)
    (folder / "model.index").write_bytes(table + index_and_trailer + footer)
    (folder / "model.data-00000-of-00001").write_bytes(data[: len(data) - short])
    return folder / "model"


def test_every_float32_tensor_comes_back(tmp_path):
    found = read_checkpoint(write(tmp_path))
    assert list(found) == ["conv/bias", "conv/kernel", "conv/kernel/Adam", "power"]
    for name, tensor in found.items():
        np.testing.assert_array_equal(tensor, TENSORS[name])
        assert tensor.dtype == np.float32


def test_a_missing_file_is_named(tmp_path):
    prefix = write(tmp_path)
    (tmp_path / "model.data-00000-of-00001").unlink()
    with pytest.raises(PartwiseError, match=r"model\.data-00000-of-00001: cannot be read"):
        read_checkpoint(prefix)


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ({"compression": 1}, "compressed"),
        ({"shard": 1}, "several data files"),
        ({"short": 100}, "does not fit"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path, fault, cause):
    with pytest.raises(PartwiseError, match=rf"model\.index: is not.*{cause}"):
        read_checkpoint(write(tmp_path, **fault))


@pytest.mark.parametrize("content", [b"", b"not a table at all" * 10])
def test_an_index_of_another_kind_is_refused(tmp_path, content):
    prefix = write(tmp_path)
    (tmp_path / "model.index").write_bytes(content)
    with pytest.raises(PartwiseError, match="no LevelDB table"):
        read_checkpoint(prefix)


def test_a_damaged_index_is_refused(tmp_path):
    prefix = write(tmp_path)
    whole = (tmp_path / "model.index").read_bytes()
    (tmp_path / "model.index").write_bytes(whole[:20] + whole[60:])
    with pytest.raises(PartwiseError, match="is not a TensorFlow checkpoint"):
        read_checkpoint(prefix)
