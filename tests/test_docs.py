"""The documentation: links lead somewhere, commands exist, examples run, no page is left out."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote

import pytest
import yaml

from partwise.cli import MOVED, VERBS
from partwise.demo.groups import load_groups
from partwise.library.library import Library
from partwise.parts import PARTS
from partwise_lab.cli import VERBS as LAB_VERBS

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
GUIDES = ["README.md", "docs/developers.md", "docs/page.md", "docs/players.md"]
FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<code>.*?)^```\s*$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?P<to>[^()\s]+)\)")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def prose(path: Path) -> str:
    """A page without its blocks of code."""
    return FENCE.sub("", path.read_text(encoding="utf-8"))


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as code hosts and the site make them."""
    headings = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    slugs = (re.sub(r"[^\w\s-]", "", text.lower()).strip() for text in headings)
    return {re.sub(r"\s+", "-", re.sub(r"[-\s]+", " ", slug)) for slug in slugs}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_relative_links_lead_to_a_file_and_a_heading(page: Path) -> None:
    lost = []
    for target in LINK.findall(prose(page)):
        if re.match(r"[a-z][a-z+.-]*:", target):
            continue
        path, _, anchor = unquote(target).partition("#")
        file = page if not path else page.parent / path
        if not (file.exists() and (not anchor or anchor in anchors(file))):
            lost.append(target)
    assert not lost


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_that_is_named_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    code = "\n".join(
        [*(found["code"] for found in FENCE.finditer(text)), *re.findall("`[^`\n]+`", text)]
    )
    named = re.findall(r"(?:^|[`/$] ?)partwise ([a-z][a-z-]*)", code, re.MULTILINE)
    # The logs tell each command as it was called that day.
    former = set(MOVED) if page.name in ("experiments.md", "CHANGELOG.md") else set()
    assert not set(named) - set(VERBS) - former
    named = re.findall(r"(?:^|[`/$] ?)partwise-lab ([a-z][a-z-]*)", code, re.MULTILINE)
    assert not set(named) - set(LAB_VERBS)


def test_the_commands_page_and_the_figures_are_up_to_date() -> None:
    import make_commands
    import make_figures
    import make_man

    assert make_commands.DOCUMENT.read_text(encoding="utf-8") == make_commands.page()
    assert make_man.DOCUMENT.read_text(encoding="utf-8") == make_man.page()
    for figure, draw in make_figures.FIGURES.items():
        file = make_figures.FOLDER / f"{figure}.svg"
        assert file.read_text(encoding="utf-8") == draw(), file.name


def test_the_readme_is_short_and_its_first_link_is_for_trying() -> None:
    """Its first screen is for listeners; what is long is in the guides."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert LINK.findall(text)[0] == "scripts/website/try"
    tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert [table.count("\n") <= 2 + 6 for table in tables] == [True]  # head, rule, six rows
    code = [line for block in FENCE.finditer(text) for line in block["code"].splitlines()]
    assert max(map(len, code)) <= 64  # beside the picture on the site, nothing wraps
    assert text.index("docs/page.webp") < text.index("```python")


def nav_pages(entries: list) -> Iterator[str]:
    for entry in entries:
        for inside in entry.values():
            if isinstance(inside, str):
                yield inside
            else:
                yield from nav_pages(inside)


def test_the_site_has_every_page() -> None:
    pytest.importorskip("mkdocs")
    hooks = website("hooks")
    reference = website("reference")
    config = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    listed = list(nav_pages(yaml.safe_load(config)["nav"]))
    there = {path.name for path in (ROOT / "docs").glob("*.md")}
    there |= set(hooks.PAGES.values()) | set(reference.REFERENCE) | {"http-api.md"}
    assert len(listed) == len(set(listed))
    assert set(listed) == there


def test_public_modules_are_there_and_say_what_they_are() -> None:
    from importlib.util import find_spec

    for _, _, modules in website("reference").REFERENCE.values():
        for module in modules:
            found = find_spec(module)
            assert found is not None and found.origin is not None, module
            assert Path(found.origin).read_text(encoding="utf-8").startswith('"""'), module


def website(module: str) -> ModuleType:
    """A module of scripts/website, which is no package."""
    from importlib.util import module_from_spec, spec_from_file_location

    file = ROOT / "scripts" / "website" / f"{module}.py"
    spec = spec_from_file_location(f"website_{module}", file)
    assert spec is not None and spec.loader is not None
    made = module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.mark.parametrize(
    ("text", "source", "turned"),
    [
        ("[a](docs/page.md#the-api)", "README.md", "[a](page.md#the-api)"),
        ("[a](../README.md)", "docs/page.md", "[a](index.md)"),
        (
            "[a](../MODEL_CARD.md#speed), [b](players.md)",
            "docs/page.md",
            "[a](model-card.md#speed), [b](players.md)",
        ),
        ("see [`x.py`](../scripts/x.py).", "docs/page.md", "see `x.py`."),
        ("[![p](docs/a.png)](docs/page.md)", "README.md", "[![p](a.png)](page.md)"),
        ("[a](https://a.b/c), [d](#e)", "README.md", "[a](https://a.b/c), [d](#e)"),
        ("```\n[a](docs/page.md)\n```\n", "README.md", "```\n[a](docs/page.md)\n```\n"),
        ("[l](LICENSE)", "README.md", "[l](LICENSE.txt)"),
        ("[t](scripts/website/try)", "README.md", "[t](try/index.html)"),
        ("[t](../scripts/website/try)", "docs/page.md", "[t](try/index.html)"),
    ],
)
def test_links_are_turned_to_where_the_site_has_the_page(
    text: str, source: str, turned: str
) -> None:
    pytest.importorskip("mkdocs")
    assert website("hooks").relinked(text, source) == turned


def test_a_page_that_loads_from_elsewhere_is_told(tmp_path: Path) -> None:
    check = website("check_site")
    (tmp_path / "fine.html").write_text('<a href="https://a.b/"><img src="fine.html"></a>')
    assert check.problems(tmp_path) == []
    (tmp_path / "bad.html").write_text(
        '<script src="//a.b/c.js"></script><link rel="stylesheet" href="https://a.b/c.css">'
        '<img src="gone.png">'
    )
    (tmp_path / "bad.css").write_text("@import url(https://a.b/c.css)")
    assert len(check.problems(tmp_path)) == 4


def test_docstrings_become_lists() -> None:
    pytest.importorskip("griffe")
    text = "Rank.\n\nfirst : of two.\nsecond, third : of more\nthan one line.\n\nRaises: no."
    assert website("docstrings").as_list(text) == (
        "Rank.\n\n- `first`: of two.\n- `second`, `third`: of more\nthan one line.\n\nRaises: no."
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the songs that the guides name, and a library of them."""
    folder = tmp_path_factory.mktemp("home")
    groups = load_groups()
    full = [piece for piece in groups.pieces if len(piece.players) == len(PARTS)]
    (folder / "Music").mkdir()
    for piece, copy in zip(
        full, ("song.mp3", "other.mp3", "amber.opus", "jagged.opus"), strict=False
    ):
        shutil.copyfile(groups.path(piece), folder / "Music" / copy)
        shutil.copyfile(groups.path(piece), folder / copy)
    named_in_players = [folder / "amber.opus", folder / "jagged.opus"]
    Library(folder / "default").index([folder / "Music", *named_in_players], jobs=1)
    return folder


@pytest.fixture
def at_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(home)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PARTWISE_LIBRARY", str(home / "default"))
    return home


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    """The library, served."""
    pytest.importorskip("fastapi")
    from partwise.web.app import create_app
    from partwise.web.server import Server
    from served import live

    with live(create_app(Server(Library(home / "default", resident=True), None))) as where:
        yield where


def examples() -> Iterator[tuple[str, str]]:
    for guide in GUIDES:
        blocks = FENCE.finditer((ROOT / guide).read_text(encoding="utf-8"))
        python = [found["code"] for found in blocks if found["language"] == "python"]
        for number, code in enumerate(python, 1):
            yield f"{guide}-{number}", code


@pytest.mark.parametrize(
    "code", [code for _, code in examples()], ids=[label for label, _ in examples()]
)
def test_python_examples_run(
    code: str, at_home: Path, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = code.replace("http://127.0.0.1:8321", address)
    exec(compile(run, "example", "exec"), {"__name__": "example"})
    assert capsys.readouterr().out or "print" not in code
