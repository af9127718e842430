"""What MkDocs is told beside mkdocs.yml: pages that lie outside docs/, or are made from the code.

The Markdown files of the project are written to be read on a code host, with links relative to the
file. Here README.md, MODEL_CARD.md and others become pages of the site, links between them and
docs/ are turned to where the pages lie; links to code lead to the reference where that tells of it,
and become plain text elsewhere.
The API reference is a page for each group of public modules; the HTTP API's page is made from its
OpenAPI description, which lies beside it as openapi.json.
"""

from __future__ import annotations

import json
import posixpath
import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "website"))

from reference import REFERENCE, reference_pages  # noqa: E402
from try_page import demo_files  # noqa: E402

# Names on the site of files in the repository's root.
PAGES = {
    "README.md": "index.md",
    "MODEL_CARD.md": "model-card.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "THIRD_PARTY.md": "third-party.md",
}
FILES = {
    "LICENSE": "LICENSE.txt",
    "NOTICE": "NOTICE.txt",
    "CITATION.cff": "CITATION.cff.txt",
    "src/partwise/web/static/icon.svg": "icon.svg",
}
# The page that asks the demo library in the browser: the folder with its source leads to it.
TRY = "try"
# The start page takes the whole width: there are no other pages in its section, and it is short.
_START = "---\nhide: [navigation, toc]\n---\n\n"
# Pages that are made from code; without the site, links lead to the code itself.
OF_CODE = {
    f"src/{module.replace('.', '/')}.py": page
    for page, (_, _, modules) in REFERENCE.items()
    for module in modules
} | {"src/partwise/web/schemas.py": "http-api.md", "scripts/website/try": f"{TRY}/index.html"}

_FENCE = re.compile(r"^(```.*?^```\s*$)", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"(?P<text>!?\[(?:[^\[\]]|!?\[[^\[\]]*\]\([^()]*\))*\])\((?P<to>[^()\s]+)\)")
_ELSEWHERE = re.compile(r"[a-z][a-z+.-]*:|#")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not in docs/."""
    for name, page in PAGES.items():
        text = relinked((ROOT / name).read_text(encoding="utf-8"), name)
        if page == "index.md":
            text = _START + text
        files.append(File.generated(config, page, content=text))
    for name, page in FILES.items():
        content = (ROOT / name).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=content))
    for page, text in reference_pages().items():
        files.append(File.generated(config, page, content=text))
    for name, content in demo_files().items():
        name = f"{TRY}/{name}"
        if isinstance(content, Path):
            files.append(File.generated(config, name, abs_src_path=str(content)))
        else:
            files.append(File.generated(config, name, content=content))
    schema = openapi()
    files.append(File.generated(config, "openapi.json", content=json.dumps(schema, indent=1)))
    files.append(File.generated(config, "http-api.md", content=http_page(schema)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn the links of a file in docs/; those of the others have been turned."""
    if page.file.generated_by is not None:
        return markdown
    return relinked(markdown, f"docs/{page.file.src_uri}")


def relinked(text: str, source: str) -> str:
    """``text`` with its links turned to the site.

    source : the file that holds the text, from the repository's root.
    """
    home = posixpath.dirname(site_name(source) or "")

    def turn(link: re.Match[str]) -> str:
        label = link["text"]
        if not label.startswith("!"):  # an image may be the text of a link
            label = f"[{_LINK.sub(turn, label[1:-1])}]"
        if _ELSEWHERE.match(link["to"]):
            return f"{label}({link['to']})"
        path, hash_, anchor = link["to"].partition("#")
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        name = site_name(target)
        if name is None:
            return label[1:-1]
        return f"{label}({posixpath.relpath(name, home or '.')}{hash_}{anchor})"

    pieces = _FENCE.split(text)
    return "".join(p if p.startswith("```") else _LINK.sub(turn, p) for p in pieces)


def site_name(path: str) -> str | None:
    """The name on the site of a file of the repository; None where it has none."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return PAGES.get(path) or FILES.get(path) or OF_CODE.get(path)


def openapi() -> dict[str, Any]:
    """The HTTP API's own description."""
    from partwise.library.library import Library
    from partwise.web.app import create_app
    from partwise.web.server import Server

    return create_app(Server(Library(ROOT / "no-library"), None)).openapi()


def http_page(schema: dict[str, Any]) -> str:
    """A page of the API: every address with what it takes and answers."""
    from partwise.web.pages import operations

    lines = [
        "# HTTP API",
        "",
        "Made from the API's own [OpenAPI description](openapi.json), which a running server gives"
        " as `/api/v1/openapi.json`, and as a page as `/api/docs`. [The page's guide](page.md#the-"
        "api) tells the same in short, and [who may ask](page.md#who-may-do-what).",
    ]
    for operation in operations(schema):
        lines += ["", f"## `{operation.method} {operation.path}`", ""]
        lines += [operation.text, ""]
        if operation.fields:
            lines += ["| takes | kind | |", "| --- | --- | --- |"]
            for field in operation.fields:
                name = f"**{field.name}**" if field.required else field.name
                text = field.text.replace("|", "\\|").replace("\n", " ")
                lines.append(f"| {name} | {field.kind} | {text} |")
            lines.append("")
        answers = ", ".join(f"{status} ({text})" for status, text in operation.answers)
        lines += [f"Answers: {answers}."]
    return "\n".join(lines) + "\n"
