"""The pages from consent to thanks, as a browser meets them; and that they give nothing away."""

from __future__ import annotations

import re
from http.cookies import SimpleCookie

import pytest
from starlette.testclient import TestClient

from listening_tests import everything_secret
from partwise.errors import PartwiseError
from partwise.parts import Part
from partwise_lab.commands.listen import application
from partwise_lab.survey.export import stored_answers
from partwise_lab.survey.pages import COOKIE, default_consent, read_consent
from partwise_lab.survey.testfile import make_test


def browser(test, **options) -> TestClient:
    return TestClient(application(test, default_consent(), **options))


def begin(client, name="") -> None:
    """Agree, and set the volume."""
    assert client.post("/listen/start", data={"agree": "yes", "name": name}).status_code == 200
    assert client.post("/listen/level").status_code == 200


def clip_addresses(html: str) -> dict[str, str]:
    """x, a and b -> where to get it, in this order."""
    found = re.findall(r'data-clip="(\w)" data-src="([^"]+)"', " ".join(html.split()))
    return dict(found)


def answer(html: str, total: str = "A+", **more: str) -> dict[str, str]:
    """What the form of a question sends."""
    (token,) = re.findall(r'name="question" value="(\w+)"', html)
    plays = {f"plays_{role}": "1" for role in "xab"}
    return {"question": token, "total": total, "choice_time_ms": "2500"} | plays | more


def test_from_consent_to_thanks(made):
    client = browser(made)
    page = client.get("/")
    assert page.url.path == "/listen"
    for testid in ("consent-agree", "listener-name", "listen-start"):
        assert f'data-testid="{testid}"' in page.text
    page = client.post("/listen/start", data={"agree": "yes", "name": "<b>Nick</b>"})
    assert page.url.path == "/listen/question"
    assert "Set the volume, &lt;b&gt;Nick&lt;/b&gt;" in page.text
    assert client.get("/listen/level.wav").headers["content-type"] == "audio/wav"
    page = client.post("/listen/level")
    for number in range(len(made.trials)):
        assert f"Question {number + 1} of {len(made.trials)}" in page.text
        for testid in ("progress", "next", "clip-x", "clip-a", "clip-b"):
            assert f'data-testid="{testid}"' in page.text
        for testid in ("aplus", "aminus", "bminus", "bplus"):
            assert f'data-testid="choose-{testid}"' in page.text
        addresses = clip_addresses(page.text)
        assert sorted(addresses) == ["a", "b", "x"]
        for address in addresses.values():
            assert client.get(address).status_code == 200
        page = client.post("/listen/question", data=answer(page.text, "B-"))
    assert 'data-testid="done"' in page.text
    assert len(stored_answers(made)) == len(made.trials)
    assert client.get("/listen").text == page.text


def test_the_question_names_the_part(made):
    client = browser(made)
    begin(client)
    asked = []
    for _ in made.trials:
        page = client.get("/listen/question")
        (legend,) = re.findall(r"<legend>(.*)</legend>", page.text)
        asked.append(legend)
        client.post("/listen/question", data=answer(page.text))
    drums = "Which one&#39;s drums sound more like X&#39;s drums?"
    bass = "Which one&#39;s bass sounds more like X&#39;s bass?"
    assert set(asked) == {drums, bass}


def test_nothing_gives_a_song_away(made, songs):
    """No page, address or header holds a name, tag or id; sounds differ in nothing but sound."""
    secrets = everything_secret(songs)
    client = browser(made)
    begin(client)
    seen: list[str] = []
    heads = set()
    addresses: set[str] = set()
    for _ in made.trials:
        page = client.get("/listen/question")
        seen += [page.text, str(page.headers)]
        assert "margin" not in page.text
        assert "score" not in page.text
        for address in clip_addresses(page.text).values():
            sound = client.get(address)
            assert address not in addresses
            addresses.add(address)
            heads.add(tuple(sorted(sound.headers.items())))
            seen += [address, sound.content.decode("latin-1")[:2000]]
        client.post("/listen/question", data=answer(page.text))
    seen.append(client.get("/listen/question").text)
    assert len(addresses) == 3 * len(made.trials)
    assert len(heads) == 1
    assert not [secret for secret in secrets for text in seen if secret in text]


def test_sides_are_as_the_listener_was_told(made):
    """Who always chooses the sound that is X's own has chosen X itself in storage, on any side."""
    (catch,) = (number for number, trial in enumerate(made.trials) if trial.catch)
    sides = set()
    while len(sides) < 2:
        client = browser(made)
        begin(client)
        for _ in made.trials:
            page = client.get("/listen/question")
            x, a, b = (client.get(at).content for _, at in clip_addresses(page.text).items())
            if x in (a, b):
                sides.add("A" if x == a else "B")
            client.post("/listen/question", data=answer(page.text, "A+" if x == a else "B+"))
    right = "A+" if made.trials[catch].a == made.trials[catch].x else "B+"
    assert {a.said["total"] for a in stored_answers(made) if a.trial == catch} == {right}


def test_only_the_sounds_of_the_question_can_be_had(made):
    one, other = browser(made), browser(made)
    begin(one)
    begin(other)
    page = one.get("/listen/question")
    address = clip_addresses(page.text)["a"]
    assert one.get(address).status_code == 200
    assert other.get(address).status_code == 404
    assert browser(made).get(address).status_code == 404
    one.post("/listen/question", data=answer(page.text))
    assert one.get(address).status_code == 404
    assert one.get("/listen/clip/" + "0" * 32).status_code == 404


def test_without_consent_nothing_is_stored(made):
    client = browser(made)
    page = client.post("/listen/start", data={"name": "Nick"})
    assert page.status_code == 422
    assert "please agree" in page.text
    assert client.get("/listen/question").url.path == "/listen"
    assert client.post("/listen/question", data={"total": "A+"}).url.path == "/listen"
    with made.connect() as connection:
        assert connection.execute("SELECT COUNT(*) FROM listeners").fetchone() == (0,)


def test_sent_twice_counts_once(made):
    client = browser(made)
    begin(client)
    form = answer(client.get("/listen/question").text)
    for total in ("A+", "B+"):
        page = client.post("/listen/question", data=form | {"total": total})
        assert page.status_code == 200
        assert "Question 2 of" in page.text
    assert len(stored_answers(made)) == 1


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"total": ""}, "Please choose one of the four"),
        ({"total": "<script>"}, "Please choose one of the four"),
        ({"plays_b": "0"}, "Please listen to X, A and B"),
        ({"plays_b": "many"}, "make no sense"),
        ({"choice_time_ms": ""}, "make no sense"),
        ({"timbre": "A+"}, "does not ask for timbre"),
    ],
)
def test_answers_that_make_no_sense_get_a_sentence(made, wrong, says):
    client = browser(made)
    begin(client)
    page = client.post("/listen/question", data=answer(client.get("/listen/question").text) | wrong)
    assert page.status_code == 422
    assert says in page.text
    assert "<script>" not in page.text
    assert stored_answers(made) == []


def test_it_goes_on_after_the_browser_was_closed(made):
    client = browser(made)
    begin(client)
    client.post("/listen/question", data=answer(client.get("/listen/question").text))
    second = client.get("/listen/question").text
    (cookie,) = [c for c in client.cookies.jar if c.name == COOKIE]
    assert cookie.expires is not None
    later = browser(made)
    later.cookies.set(COOKIE, cookie.value or "")
    assert later.get("/listen").text == second
    elsewhere = browser(made)
    assert elsewhere.post("/listen/resume", data={"resume_code": "nonsense"}).status_code == 422
    code = "-".join(re.findall("....", (cookie.value or "").lower()))
    assert elsewhere.post("/listen/resume", data={"resume_code": code}).text == second


def test_agreeing_again_in_the_same_browser_goes_on(made):
    client = browser(made)
    begin(client)
    begin(client)
    with made.connect() as connection:
        assert connection.execute("SELECT COUNT(*) FROM listeners").fetchone() == (1,)
    assert client.post("/listen/leave").url.path == "/listen"
    begin(client)
    with made.connect() as connection:
        assert connection.execute("SELECT COUNT(*) FROM listeners").fetchone() == (2,)


@pytest.mark.parametrize("answered", [0, 1, 7])
def test_one_can_withdraw_on_any_page(made, answered):
    client = browser(made)
    page = client.post("/listen/start", data={"agree": "yes"})
    assert 'data-testid="withdraw"' in page.text
    page = client.post("/listen/level")
    for _ in range(answered):
        page = client.post("/listen/question", data=answer(page.text))
    assert 'data-testid="withdraw"' in page.text
    assert ('data-testid="done"' in page.text) == (answered == len(made.trials))


def test_withdrawing_deletes(made):
    client = browser(made)
    begin(client, "Nick")
    client.post("/listen/question", data=answer(client.get("/listen/question").text))
    page = client.post("/listen/withdraw")
    assert "have been deleted" in page.text
    assert stored_answers(made) == []
    assert client.get("/listen/question").url.path == "/listen"


def test_the_cookie_is_for_this_server_alone(made):
    client = browser(made)
    reply = client.post("/listen/start", data={"agree": "yes"}, follow_redirects=False)
    cookie = SimpleCookie(reply.headers["set-cookie"])[COOKIE]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "strict", "/listen")


def test_pages_hold_no_script_or_style_and_are_not_kept(made):
    client = browser(made)
    pages = [client.get("/listen")]
    begin(client)
    pages.append(client.get("/listen/question"))
    for page in pages:
        assert page.headers["cache-control"] == "no-store"
        assert "default-src 'self'" in page.headers["content-security-policy"]
        assert not re.findall(
            r"<script(?! type=\"module\" src=)|<style|\sstyle=|\son\w+=", page.text
        )
        for address in re.findall(r'(?:src|href)="(/listen/static/[^"]+)"', page.text):
            assert client.get(address).status_code == 200


def test_other_sites_and_strangers_are_refused(made):
    client = browser(made, token="secret", hosts=None)
    assert client.get("/listen").status_code == 401
    assert client.get("/listen?token=secret").status_code == 200
    begin(client)
    from_elsewhere = {"origin": "https://elsewhere.example"}
    assert client.post("/listen/withdraw", headers=from_elsewhere).status_code == 403


def test_a_link_with_the_token_works_from_a_message(made):
    """Browsers do not send a "strict" cookie along when a link on another site is followed."""
    client = browser(made, token="secret", hosts=None)
    reply = client.get("/listen?token=secret", follow_redirects=False)
    assert reply.headers["location"] == "/listen"
    (cookie,) = SimpleCookie(reply.headers["set-cookie"]).values()
    assert (cookie["httponly"], cookie["samesite"]) == (True, "lax")


def test_aspects_are_asked_where_the_test_has_them(tmp_path, songs):
    test = make_test(tmp_path / "t.sqlite", songs, (Part.BASS,), 1, aspects=["timbre", "melody"])
    client = browser(test)
    begin(client)
    page = client.get("/listen/question")
    assert re.findall(r'data-choices="(\w+)"', page.text) == ["total", "timbre", "melody"]
    assert 'data-testid="choose-timbre-aplus"' in page.text
    client.post("/listen/question", data=answer(page.text, timbre="A-", melody="B+"))
    assert set(stored_answers(test)[0].said) == {"total", "timbre", "melody"}


def test_consent_can_be_ones_own(made, tmp_path):
    path = tmp_path / "consent.txt"
    path.write_text("Our <own> words.\n\nSecond\nparagraph.\n")
    page = TestClient(application(made, read_consent(path))).get("/listen").text
    assert "<p>Our &lt;own&gt; words.</p>" in page
    assert "<p>Second paragraph.</p>" in page
    assert read_consent(None) == default_consent()
    path.write_text(" \n")
    with pytest.raises(PartwiseError, match="is empty"):
        read_consent(path)
    with pytest.raises(PartwiseError, match="cannot be read"):
        read_consent(tmp_path / "nothing.txt")
