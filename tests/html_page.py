"""Reads a page strictly: every element is closed in order, and what it refers to is collected."""

from __future__ import annotations

from html.parser import HTMLParser

_VOID = {"meta", "br", "link", "img", "hr", "input"}
_ADDRESSES = {"src", "href", "xlink:href", "action", "poster", "data", "srcset"}


class Page(HTMLParser):
    """The parsed page.

    text : all that is shown; addresses : of everything it refers to; ids : of its elements, and
    elements : (tag, attributes) of them all. Raises ValueError where a tag is not closed in order.
    """

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        if self._open:
            raise ValueError(f"never closed: {self._open}")

    def all(self, tag: str) -> list[dict[str, str]]:
        """Attributes of the elements of one kind."""
        return [attributes for found, attributes in self.elements if found == tag]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if len(attributes) != len(attrs):
            raise ValueError(f"an attribute is given twice: {tag} {attrs}")
        self.elements.append((tag, attributes))
        self.addresses += [value for name, value in attributes.items() if name in _ADDRESSES]
        self.ids += [attributes["id"]] if "id" in attributes else []

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            raise ValueError(f"</{tag}> closes nothing that was opened last")

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.text += data
