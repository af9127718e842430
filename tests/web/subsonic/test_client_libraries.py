"""Client libraries of other people get from a running server what the record says they got."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

import record_clients
from client_asks import UNKNOWN, refused, serving
from client_libraries import FAILS, LIBRARIES, RECORDED, ClientLibrary
from partwise.web.subsonic.routes import NO_SUCH_METHOD

RECORD = json.loads(RECORDED.read_text(encoding="utf-8"))

# It looks for the folders one level too high, and so fails with every server (docs/players.md).
THEIR_OWN_MISTAKES = {("py-opensonic", "getMusicFolders")}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("demo")) as url:
        yield url


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.name)
def test_a_library_gets_what_is_recorded(library: ClientLibrary, request) -> None:
    if missing := library.missing():
        pytest.skip(missing)
    assert library.ask(request.getfixturevalue("url")) == RECORD[library.name]["got"]


def test_no_library_fails_at_an_answer_of_ours() -> None:
    failed = {
        (name, ask)
        for name, one in RECORD.items()
        for ask, came in one["got"].items()
        if came.startswith(FAILS)
    }
    assert failed == THEIR_OWN_MISTAKES
    for one in RECORD.values():
        assert one["got"][UNKNOWN] == refused(NO_SUCH_METHOD)


def test_the_table_of_the_guide_is_that_of_the_record() -> None:
    page = record_clients.DOCUMENT.read_text(encoding="utf-8")
    assert record_clients.table(RECORD) in page
