"""Levels with known values."""

from __future__ import annotations

import math

import numpy as np
import pytest

from partwise.audio.segment import is_silent, rms_dbfs
from sounds import tone


def test_levels():
    assert rms_dbfs(np.ones(100, np.float32)) == pytest.approx(0.0)
    assert rms_dbfs(tone(1.0, 441.0, amplitude=1.0)) == pytest.approx(-3.01, abs=0.01)
    assert rms_dbfs(tone(1.0, 441.0, amplitude=0.1)) == pytest.approx(-23.01, abs=0.01)
    assert rms_dbfs(np.zeros(100, np.float32)) == -math.inf
    assert rms_dbfs(np.zeros(0, np.float32)) == -math.inf


def test_silence_begins_at_minus_70_dbfs():
    assert is_silent(np.zeros(100, np.float32))
    assert is_silent(np.full(100, 10 ** (-70.5 / 20), np.float32))
    assert not is_silent(np.full(100, 10 ** (-69.5 / 20), np.float32))
