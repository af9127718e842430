"""Envelopes in XML, JSON and JSONP."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest
from starlette.responses import Response

from partwise import __version__
from partwise.web.subsonic.responses import Code, Failure, check_format, failure, success

SPACE = "{http://subsonic.org/restapi}"


def body_of(response: Response) -> str:
    return bytes(response.body).decode("utf-8")


def test_json_is_the_envelope_of_the_specification() -> None:
    response = success({"f": "json"}, {"license": {"valid": True}})
    assert response.media_type == "application/json"
    assert json.loads(body_of(response)) == {
        "subsonic-response": {
            "status": "ok",
            "version": "1.16.1",
            "type": "partwise",
            "serverVersion": __version__,
            "openSubsonic": True,
            "license": {"valid": True},
        }
    }


def test_xml_is_the_default_with_attributes_and_elements() -> None:
    body = {
        "song": {"id": "a", "year": 1971, "isDir": False, "title": '<b> & "c"'},
        "openSubsonicExtensions": [{"name": "formPost", "versions": [1, 2]}, {"name": "x"}],
    }
    response = success({}, body)
    assert response.media_type == "text/xml"
    assert body_of(response).startswith("<?xml version='1.0' encoding='UTF-8'?>")
    root = ElementTree.fromstring(response.body)
    assert root.tag == f"{SPACE}subsonic-response"
    assert root.attrib == {
        "status": "ok",
        "version": "1.16.1",
        "type": "partwise",
        "serverVersion": __version__,
        "openSubsonic": "true",
    }
    song = root.find(f"{SPACE}song")
    assert song is not None
    assert song.attrib == {"id": "a", "year": "1971", "isDir": "false", "title": '<b> & "c"'}
    first, second = root.findall(f"{SPACE}openSubsonicExtensions")
    assert [item.text for item in first.findall(f"{SPACE}versions")] == ["1", "2"]
    assert second.attrib == {"name": "x"}


def test_an_error_is_a_code_and_a_sentence() -> None:
    error = Failure(Code.WRONG_CREDENTIALS, "Wrong username or password.")
    root = ElementTree.fromstring(failure({}, error).body)
    assert root.attrib["status"] == "failed"
    found = root.find(f"{SPACE}error")
    assert found is not None
    assert found.attrib == {"code": "40", "message": "Wrong username or password."}
    written = json.loads(body_of(failure({"f": "json"}, error)))["subsonic-response"]
    assert written["error"] == {"code": 40, "message": "Wrong username or password."}
    assert failure({}, error).status_code == 200


@pytest.mark.parametrize("form", ["xml", "json"])
def test_text_that_cannot_be_written_is_replaced(form: str) -> None:
    response = success({"f": form}, {"song": {"title": "a\x00b\ud800c"}, "names": ["\x01"]})
    assert "a\ufffdb\ufffdc" in body_of(response)
    if form == "xml":
        ElementTree.fromstring(response.body)


def test_jsonp_calls_a_function_that_is_only_a_name() -> None:
    params = {"f": "jsonp", "callback": "app.got"}
    check_format(params, guarded=True)
    response = success(params, {"song": {"title": "a\u2028b"}})
    assert response.media_type == "text/javascript"
    text = body_of(response)
    assert text.startswith('app.got({"subsonic-response": ') and text.endswith(");")
    assert "\u2028" not in text
    assert response.headers["cross-origin-resource-policy"] == "cross-origin"


@pytest.mark.parametrize(
    ("params", "guarded", "code"),
    [
        ({"f": "yaml"}, True, Code.GENERIC),
        ({"f": "jsonp"}, True, Code.MISSING_PARAMETER),
        ({"f": "jsonp", "callback": "alert(1);x"}, True, Code.GENERIC),
        ({"f": "jsonp", "callback": "got"}, False, Code.NOT_AUTHORISED),
    ],
)
def test_formats_that_are_refused(params: dict[str, str], guarded: bool, code: Code) -> None:
    with pytest.raises(Failure) as refused:
        check_format(params, guarded)
    assert refused.value.code == code
    assert "alert" not in body_of(failure(params, refused.value))
