import pytest

from html_page import Page

pytest.importorskip("matplotlib")
from partwise_lab.report.html.charts import (
    INK,
    Bar,
    bar_chart,
    blank,
    dot_map,
    heat_map,
    inline_svg,
    label_colour,
    style,
)


def drawn(key="k", **more):
    with style():
        figure, axes = blank(200, 100)
        axes.plot([0, 1], [0, 1], "o-", color=INK, gid="line", clip_on=True)
        axes.plot([1], [0], "s", color=label_colour(13))
        axes.text(0.5, 0.5, "a < $b$")
        return str(inline_svg(figure, key, 'says "it"', **more))


def test_it_is_one_element_whose_size_follows_the_page():
    svg = drawn()
    assert svg.startswith("<svg ") and svg.endswith("</svg>")
    (attributes,) = Page(svg).all("svg")
    assert attributes["viewbox"] == "0 0 200 100"
    assert attributes["aria-label"] == 'says "it"'
    assert "width" not in attributes


def test_colours_are_variables_and_text_is_text():
    svg = drawn()
    assert "var(--ink)" in svg and "var(--label-1)" in svg
    assert INK not in svg
    assert "a < $b$" in Page(svg).text


def test_ids_and_what_refers_to_them_carry_the_key():
    first, second = Page(drawn("one")), Page(drawn("two"))
    assert not set(first.ids) & set(second.ids)
    for page in (first, second):
        assert page.addresses
        assert {address[1:] for address in page.addresses} <= set(page.ids)


def test_tooltips_are_escaped():
    assert "<title>1 &lt; 2</title>" in drawn(titles={"line": "1 < 2"})


def test_the_same_figure_is_the_same_text():
    bars = [Bar("a", 0.5, 0.4, 0.6, 0.1), Bar("b", 1.0)]
    assert bar_chart(bars, "k", "Bars") == bar_chart(bars, "k", "Bars")


def test_cells_without_a_number_are_empty():
    cells = [[0.25, None], [1.0, 0.0]]
    texts = [["25", "–"], ["100", "0"]]
    svg = str(
        heat_map(cells, "ab", "ab", "k", "heat", texts=texts, axis_labels=("rows", "columns"))
    )
    assert svg.count("fill: var(--heat)") == 2  # nor has 0 a shade
    text = Page(svg).text.split()
    assert {"25", "–", "100", "0", "rows", "columns"} <= set(text)


def test_a_map_of_one_dot():
    svg = str(dot_map([0.0], [0.0], [0], ["only one"], "k", "map"))
    assert svg.count("<title>only one</title>") == 1


def test_bars_of_r2_may_be_below_nothing():
    bar = Bar("a", -0.25, -0.5, 0.125, chance_low=-0.1, chance_high=0.05, percent=False)
    assert bar.text == "-0.25 (-0.50 to 0.12)"
    assert bar.spoken == "a -0.25 (-0.50 to 0.12), chance -0.10 to 0.05"
    svg = str(bar_chart([bar], "k", "Bars"))
    text = Page(svg).text.split()
    assert {"-0.25", "0.5"} <= set(text) and "%" not in text


def test_a_ceiling_is_said_and_drawn():
    plain, marked = Bar("a", 0.5), Bar("a", 0.5, ceiling=0.625)
    assert marked.spoken == "a 50.0 per cent, ceiling 62.5"
    drawn = [str(bar_chart([bar], "k", "Bars")).count("<use ") for bar in (plain, marked)]
    assert drawn[1] == drawn[0] + 1


def test_shape_and_colour_may_tell_two_things():
    svg = str(dot_map([0, 1, 2], [0, 1, 2], [0, 1, 2], "abc", "k", "map", shape=[0, 0, 1]))
    shapes = [path["d"] for path in Page(svg).all("path") if "-m" in path.get("id", "")]
    assert len(set(shapes)) == 2
    for number in range(3):
        assert f"var(--label-{number})" in svg
