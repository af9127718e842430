"""How what was left aside is told: short, the most frequent first."""

from __future__ import annotations

from partwise.library.index.aside import aside_text


def test_the_line():
    assert aside_text({}, {}) == ""
    assert aside_text({".pdf": 3, ".jpg": 12}, {}) == "left aside: 12 .jpg, 3 .pdf"
    assert aside_text({}, {"#recycle": 2}) == "folders not entered: 2 #recycle"
    many = {f".{letter}": 10 - n for n, letter in enumerate("abcdefg")}
    assert aside_text(many, {".nomedia": 1}) == (
        "left aside: 10 .a, 9 .b, 8 .c, 7 .d, 6 .e, 9 others; folders not entered: 1 .nomedia"
    )
