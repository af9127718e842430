"""500 hits follow the fader; benchmarks/fader.py says how fast."""

import statistics
import sys
from pathlib import Path

from playwright.sync_api import Page

from find_page import SONG, FindPage
from page_guard import PageGuard

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from fader import (  # pyright: ignore[reportMissingImports]
    answer_with_made_up_hits,
    drag_and_time,
)


def test_500_hits_follow(page: Page, guard: PageGuard) -> None:
    guard.expect_refusal(404)  # nobody can hear the made-up songs
    answer_with_made_up_hits(page, 500)
    FindPage(page).ask(SONG)
    times_ms = drag_and_time(page, "drums", 40)
    assert len(times_ms) >= 20
    p95_ms = statistics.quantiles(times_ms, n=20)[-1]
    print(f"fader to order: median {statistics.median(times_ms):.1f} ms, p95 {p95_ms:.1f} ms")
