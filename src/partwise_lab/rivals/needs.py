"""What every rival asks for first: its packages, and segments that it can take."""

from __future__ import annotations

import importlib.util

import numpy as np

from partwise.errors import PartwiseError

BENCH = "pip install 'partwise-lab[bench]' -c constraints.txt"


def need(rival: str, package: str, install: str = BENCH) -> None:
    """Raises PartwiseError that says how to install it, unless the package is there."""
    if importlib.util.find_spec(package) is None:
        raise PartwiseError(f"the rival {rival} needs the package {package}: {install}")


def checked(samples: np.ndarray, rival: str, shortest: int, sample_rate_hz: int) -> np.ndarray:
    """The segments as float32 [segments, samples].

    Raises PartwiseError for segments shorter than `shortest` samples, in which the rival finds
    nothing, and for samples of another shape.
    """
    if samples.ndim != 2:
        raise PartwiseError(
            f"the rival {rival} takes segments [segments, samples], not {list(samples.shape)}"
        )
    if samples.shape[1] < shortest:
        raise PartwiseError(
            f"the rival {rival} needs segments of at least {shortest / sample_rate_hz:.2f} s: "
            f"these have {samples.shape[1] / sample_rate_hz:.2f} s"
        )
    return np.ascontiguousarray(samples, dtype=np.float32)
