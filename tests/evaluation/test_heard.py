import threading
import time

import pytest

from partwise_lab.measure.heard import in_order


def test_results_keep_their_order():
    def work(item):
        time.sleep(0.002 * (item % 3))
        return item * item

    assert list(in_order(work, range(20), threads=4)) == [n * n for n in range(20)]
    assert list(in_order(work, [], threads=2)) == []


def test_items_are_drawn_by_the_caller_and_not_far_ahead():
    drawn = []

    def items():
        for number in range(100):
            drawn.append(threading.current_thread())
            yield number

    results = in_order(lambda n: n, items(), threads=2)
    assert next(results) == 0
    assert len(drawn) <= 5
    assert set(drawn) == {threading.current_thread()}


def test_an_error_comes_through():
    def work(item):
        raise ValueError(f"bad {item}")

    with pytest.raises(ValueError, match="bad 0"):
        list(in_order(work, range(10), threads=2))
