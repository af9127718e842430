"""The moving picture of the README: frames of a page, each as long as it is to be seen."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

pytest.importorskip("PIL")

from PIL import Image, ImageSequence

from make_moving_picture import PLAYS, Film


def test_what_does_not_change_only_lasts_longer(browser: Browser, tmp_path: Path) -> None:
    page = browser.new_page(viewport={"width": 64, "height": 48})
    film = Film(page)
    for colour, duration_ms in (("#c2412a", 300), ("#c2412a", 200), ("#1b6cb3", 700)):
        page.set_content(f'<body bgcolor="{colour}">')
        film.shoot(duration_ms)
    page.close()
    assert film.durations_ms == [500, 700]
    size = film.save(tmp_path / "film.webp")
    assert size == (tmp_path / "film.webp").stat().st_size
    with Image.open(tmp_path / "film.webp") as picture:
        assert (picture.size, picture.info["loop"]) == ((64, 48), PLAYS)
        assert len(list(ImageSequence.Iterator(picture))) == 2


def test_that_of_the_readme_moves_and_is_small() -> None:
    path = Path(__file__).parents[2] / "docs" / "page.webp"
    assert path.stat().st_size < 2_000_000
    with Image.open(path) as picture:
        assert len(list(ImageSequence.Iterator(picture))) > 5
