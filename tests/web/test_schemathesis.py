"""Every address of the API with made-up requests: no 500s, and answers as they are described."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext, suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from partwise.web.app import Settings
from served import client_of, ids_of, make_app

CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory):
    """The description of an application whose streams end at once, and which may index nothing."""
    folder = tmp_path_factory.mktemp("described")
    (folder / "empty").mkdir()
    app = make_app(folder, Settings(hosts=None, music=(folder / "empty",)))
    with client_of(app) as client:
        known = sorted(ids_of(client).values())
        app.state.closing = True
        schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app)

        def exists(song_id: Any) -> Any:
            """Most well-formed ids become ids of the library."""
            if isinstance(song_id, str) and len(song_id) >= 16 and song_id[-1] not in "0123":
                return known[ord(song_id[-1]) % len(known)]
            return song_id

        @schema.hook
        def map_path_parameters(context: Any, path_parameters: Any) -> Any:
            for name in ("song_id", "track_id"):
                if name in (path_parameters or {}):
                    path_parameters[name] = exists(path_parameters[name])
            return path_parameters

        @schema.hook
        def map_body(context: Any, body: Any) -> Any:
            if not isinstance(body, dict):
                return body
            for name in ("songs", "track_ids"):
                if isinstance(body.get(name), list):
                    body[name] = [exists(song_id) for song_id in body[name]]
            for name in ("song_id", "track_id"):
                if name in body:
                    body[name] = exists(body[name])
            if isinstance(body.get("per_part_of"), dict):
                of = body["per_part_of"]
                body["per_part_of"] = {part: exists(song_id) for part, song_id in of.items()}
            if context.operation.path.endswith(("/search", "/moments")) and len(repr(body)) % 3:
                _make_sense(body, known)
            return body

        yield schema


def _make_sense(question: dict[str, Any], known: list[str]) -> None:
    """What no schema can say: that a question needs a song, and its words a meaning."""
    question["songs"], question["per_part_of"] = known[:2], {"bass": known[0]}
    for name in ("range", "weights"):
        question.pop(name, None)
    if "where" in question:
        question["where"] = "year > 1990"


def answers_of(operation: Any, mode: GenerationMode) -> Counter[int]:
    """How often each status was answered; fails where an answer is not as it is described."""
    answered: Counter[int] = Counter()

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=15,
        derandomize=True,
        deadline=None,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    def check(case: Any) -> None:
        response = case.call()
        answered[response.status_code] += 1
        case.validate_response(response, checks=list(CHECKS))

    # What takes nothing cannot be asked wrongly.
    with suppress(Unsatisfiable) if mode is GenerationMode.NEGATIVE else nullcontext():
        check()
    return answered


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_every_address_answers_as_described(described, mode: GenerationMode):
    operations = [result.ok() for result in described.get_all_operations()]
    answered = {operation.label: answers_of(operation, mode) for operation in operations}
    if mode is GenerationMode.POSITIVE:
        assert all(answered.values())
        for name in ("POST /api/v1/search", "POST /api/v1/moments", "POST /api/v1/playlists"):
            assert answered[name][200], name
    else:
        assert answered["POST /api/v1/search"][422]
