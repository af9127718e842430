"""One table, printed as text, as Markdown and as HTML."""

import pytest

from html_page import Page
from partwise_lab.report.table import NONE, Number, Strong, Table, measured, percent, share

ROWS = [
    ["drums", "loud", share(0.9, best=True), Number(0.5, 0.25, 1.0, percent=False, digits=2)],
    ["bass", "quiet", share(0.0801, of=3), measured(None)],
    ["piano", "not measured (none)", Number(None), NONE],
    [Strong("mean"), "", share(0.5), Number(12345.0, percent=False, digits=0)],
]
TABLE = Table(["part", "how", "right", "score"], ROWS, "told right:", "of few")


def test_a_terminal_has_columns_and_no_rows_of_nothing():
    assert TABLE.text().splitlines() == [
        "told right:",
        "part      how        right                score",
        "drums     loud       90.0%  0.50 (0.25 to 1.00)",
        "bass      quiet  8.0% of 3                    -",
        "mean                 50.0%               12,345",
        "of few",
    ]


def test_markdown_keeps_every_row_and_sets_the_best_in_bold():
    assert TABLE.markdown().splitlines() == [
        "| part | how | right | score |",
        "| --- | --- | --- | --- |",
        "| drums | loud | **90.0 %** | 0.50 |",
        "| bass | quiet | 8.0 % of 3 | – |",
        "| piano | not measured (none) | – | – |",
        "| **mean** |  | 50.0 % | 12,345 |",
    ]


def test_a_page_has_the_same_cells():
    pytest.importorskip("jinja2")
    from partwise_lab.report.html.context import Context

    marked = share(0.5, better=False, than="a<b", difference="-1 points", small=("n 3",))
    table = Table(["row", "right"], [["<i>", marked], *([r[0], r[2]] for r in ROWS)], "it's told:")
    html = str(Context().fragment("k", "Title", [table]).body)
    page = Page(f"<div>{html}</div>")
    (region,) = [found for found in page.all("div") if "aria-label" in found]
    assert region["aria-label"] == "it's told" and "It's told" in page.text
    assert "<b>90.0</b>" in html and "<i>" not in html.replace("&lt;i&gt;", "")
    (cell,) = [found for found in page.all("td") if "title" in found]
    assert cell["title"] == "-1 points"
    assert [found["aria-label"] for found in page.all("span") if "role" in found] == [
        "worse than a<b"
    ]
    assert '<span class="small">n 3</span>' in html


@pytest.mark.parametrize(
    ("value", "said"), [(None, "–"), (0.0, "0.0 %"), (1.0, "100.0 %"), (0.12345, "12.3 %")]
)
def test_shares_are_told_in_per_cent(value, said):
    assert percent(value) == said
