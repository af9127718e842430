"""What is lost by storing vectors in fewer bytes."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from partwise.library.stores.precision import (
    PRECISIONS,
    decoded,
    encoded,
    from_int8,
    precision_of,
    stored_schema,
    to_int8,
)
from partwise.library.stores.rows import vectors_of
from store_rows import ids, segments


@pytest.mark.parametrize("precision", PRECISIONS)
def test_rows_have_the_stored_schema_and_come_back(precision: str) -> None:
    rows = segments(ids(30))
    stored = encoded(rows, precision)
    assert stored.schema.equals(stored_schema(rows.schema, precision))
    assert precision_of(stored.schema) == precision
    back = decoded(stored)
    assert back.schema.equals(rows.schema)
    others = [name for name in rows.schema.names if name != "vector"]
    assert back.select(others).equals(rows.select(others))
    cosines = np.einsum("npd,npd->np", vectors_of(rows), vectors_of(back))
    heard = vectors_of(rows).any(axis=-1)
    np.testing.assert_allclose(cosines[heard], 1.0, atol=1e-3)
    assert (vectors_of(back).any(axis=-1) == heard).all()


def test_bytes_of_a_vector() -> None:
    rows = segments(ids(100))
    sizes = {
        precision: sum(
            encoded(rows, precision).column(name).nbytes
            for name in stored_schema(rows.schema, precision).names
            if name.startswith("vector")
        )
        for precision in PRECISIONS
    }
    numbers = 300 * 5 * 8
    assert sizes == {"float32": 4 * numbers, "float16": 2 * numbers, "int8": numbers + 300 * 20}


def test_every_part_of_a_row_has_its_own_scale() -> None:
    vectors = np.zeros((1, 5, 4), np.float32)
    vectors[0, 0], vectors[0, 1] = (1, -0.5, 0, 0.25), (1e-3, 5e-4, -1e-3, 0)
    numbers, scale = to_int8(vectors)
    assert numbers[0, 0].tolist() == [127, -64, 0, 32]
    assert numbers[0, 1].tolist() == [127, 64, -127, 0]
    assert scale[0, 2:].tolist() == [0, 0, 0]
    np.testing.assert_allclose(from_int8(numbers, scale)[0, 1], vectors[0, 1], atol=1e-5)
    assert not from_int8(numbers, scale)[0, 2:].any()


def test_no_rows() -> None:
    for precision in PRECISIONS:
        stored = encoded(segments([]), precision)
        assert isinstance(stored, pa.Table) and decoded(stored).equals(segments([]))
