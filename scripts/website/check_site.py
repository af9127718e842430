"""Checks that no page of the built site loads anything from elsewhere.

usage: python scripts/website/check_site.py site

Links to other sites are for people to follow. What a browser fetches by itself (scripts, style
sheets, pictures, fonts, also those that a style sheet names) has to lie in the site.
"""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

FETCHED = {"script": "src", "img": "src", "source": "src", "iframe": "src", "audio": "src"}
FETCHED_RELATIONS = {"stylesheet", "icon", "preload", "modulepreload", "preconnect", "manifest"}
_IN_STYLE = re.compile(r"url\(\s*['\"]?(?:https?:)?//|@import\s+['\"](?:https?:)?//")


class _Loads(HTMLParser):
    """Addresses that a page makes a browser fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        relations = (given.get("rel") or "").split()
        address = given.get(FETCHED.get(tag, ""))
        if tag == "link" and FETCHED_RELATIONS & set(relations):
            address = given.get("href")
        if address:
            self.found.append(address)


def problems(site: Path) -> list[str]:
    """One sentence for each thing that is loaded from elsewhere, or is not there."""
    found = []
    for page in sorted(site.rglob("*.html")):
        parser = _Loads()
        parser.feed(page.read_text(encoding="utf-8"))
        for address in parser.found:
            if re.match(r"(?:https?:)?//", address):
                found.append(f"{page.relative_to(site)} loads {address}")
            elif not address.startswith(("data:", "/")):
                path = page.parent / address.partition("?")[0].partition("#")[0]
                if not path.exists():
                    found.append(f"{page.relative_to(site)} loads {address}, which is not there")
    for sheet in sorted(site.rglob("*.css")):
        if _IN_STYLE.search(sheet.read_text(encoding="utf-8")):
            found.append(f"{sheet.relative_to(site)} loads something from elsewhere")
    return found


def main() -> None:
    site = Path(sys.argv[1])
    found = problems(site)
    if found:
        sys.exit("\n".join(found))
    files = [file for file in site.rglob("*") if file.is_file()]
    pages = sum(file.suffix == ".html" for file in files)
    size_mb = sum(file.stat().st_size for file in files) / 1e6
    print(f"{site}: {pages} pages, {size_mb:.1f} MB, nothing is loaded from elsewhere")


if __name__ == "__main__":
    main()
