"""The pages of a listening test, under ``/listen``: consent, volume, questions, thanks.

Blind: no page, address or header names a song, and clips have addresses that are different for
every listener and question. Only the sounds of the question that a listener is at can be fetched.
"""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated, Any

from fastapi import Cookie, FastAPI, Form, Request
from fastapi.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from partwise.errors import PartwiseError
from partwise.parts import Part
from partwise_lab.survey import listeners
from partwise_lab.survey.listeners import Listener, Said, Turn
from partwise_lab.survey.sound import wav_of
from partwise_lab.survey.testfile import ROLES, TestFile

COOKIE = "partwise_listener"
_KEPT_S = 180 * 24 * 3600
# How a part is called in a sentence.
PART_WORDS = {
    Part.DRUMS: "drums",
    Part.BASS: "bass",
    Part.PIANO: "piano",
    Part.GUITAR: "guitar",
    Part.OTHER: "other instruments",
}
_MANY = (Part.DRUMS, Part.OTHER)  # they "sound", and do not "sounds"
_HERE = files("partwise_lab.survey")

Code = Annotated[str, Cookie(alias=COOKIE)]
Text = Annotated[str, Form()]


def default_consent() -> str:
    """The text that listeners agree to where the experimenter gives no other."""
    return (_HERE / "consent.txt").read_text("utf-8")


def create_app(test: TestFile, consent: str) -> FastAPI:
    """An application that serves one test and nothing else; who may ask is for others to say.

    consent : plain text; an empty line begins a paragraph.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    with as_file(_HERE / "static") as static:
        app.mount("/listen/static", StaticFiles(directory=static), name="listen-static")
    pages = _Pages(test, consent)
    for method, path, serve in (
        ("GET", "", pages.start_page),
        ("POST", "/start", pages.start),
        ("POST", "/resume", pages.resume),
        ("GET", "/question", pages.question_page),
        ("POST", "/level", pages.level),
        ("POST", "/question", pages.answer),
        ("POST", "/leave", pages.leave),
        ("POST", "/withdraw", pages.withdraw),
        ("GET", "/level.wav", pages.level_sound),
        ("GET", "/clip/{address}", pages.clip),
    ):
        app.add_api_route(f"/listen{path}", serve, methods=[method], include_in_schema=False)
    app.add_api_route("/", lambda: _to(""), response_class=RedirectResponse)
    return app


class _Pages:
    """What each address of one test answers."""

    def __init__(self, test: TestFile, consent: str) -> None:
        self._test = test
        self._paragraphs = [" ".join(p.split()) for p in consent.split("\n\n") if p.strip()]
        with as_file(_HERE / "templates") as folder:
            self._templates = Jinja2Templates(directory=folder)

    def _page(self, request: Request, template: str, status: int = 200, **values: Any) -> Response:
        file = f"{template}.html"
        response = self._templates.TemplateResponse(request, file, values, status_code=status)
        response.headers["Cache-Control"] = "no-store"
        return response

    def _refused(self, request: Request, sentence: str, status: int = 422) -> Response:
        return self._page(request, "message", status, title="That did not work", sentence=sentence)

    def _who(self, code: str) -> Listener | None:
        return listeners.come_back(self._test, code) if code else None

    def start_page(self, request: Request, code: Code = "") -> Response:
        if self._who(code):
            return _to("question")
        length = listeners.NAME_LENGTH
        return self._page(request, "consent", paragraphs=self._paragraphs, name_length=length)

    def start(
        self, request: Request, agree: Text = "", name: Text = "", code: Code = ""
    ) -> Response:
        if agree != "yes":
            return self._refused(request, "To take part, please agree to the text first.")
        # A link in a message does not bring the cookie along, but this form does: going on with
        # one's own questions is then what is meant.
        if self._who(code):
            return _to("question")
        return _known(request, listeners.join(self._test, name)[1])

    def resume(self, request: Request, resume_code: Text = "") -> Response:
        if self._who(resume_code) is None:
            sentence = "Nobody has this code: please check it, letter by letter."
            return self._refused(request, sentence)
        return _known(request, resume_code)

    def question_page(self, request: Request, code: Code = "") -> Response:
        listener = self._who(code)
        if listener is None:
            return _to("")
        turn = listeners.next_question(self._test, listener) if listener.level_set else None
        if turn:
            return self._page(request, "question", **_shown(self._test, listener, turn))
        template = "done" if listener.level_set else "level"
        shown = listeners.shown_code(code)
        return self._page(request, template, code=shown, name=listener.name)

    def level(self, code: Code = "") -> Response:
        if listener := self._who(code):
            listeners.set_level(self._test, listener)
        return _to("question")

    def answer(
        self,
        request: Request,
        question: Text = "",
        total: Text = "",
        timbre: Text = "",
        rhythm: Text = "",
        melody: Text = "",
        choice_time_ms: Text = "",
        plays_x: Text = "",
        plays_a: Text = "",
        plays_b: Text = "",
        code: Code = "",
    ) -> Response:
        test, listener = self._test, self._who(code)
        if listener is None:
            return _to("")
        turn = listeners.next_question(test, listener)
        if turn is None or question != listeners.token(test, listener, turn.trial, "question"):
            return _to("question")  # sent twice, or from a second window: that one counts already
        choices = {"total": total, "timbre": timbre, "rhythm": rhythm, "melody": melody}
        try:
            said = Said(
                {aspect: choice for aspect, choice in choices.items() if choice},
                _number(choice_time_ms),
                (_number(plays_x), _number(plays_a), _number(plays_b)),
            )
            listeners.keep_answer(test, listener, turn, said)
        except PartwiseError as error:
            return self._refused(request, _sentence(error))
        return _to("question")

    def leave(self) -> Response:
        response = _to("")
        response.delete_cookie(COOKIE, path="/listen")
        return response

    def withdraw(self, request: Request, code: Code = "") -> Response:
        if listener := self._who(code):
            listeners.withdraw(self._test, listener)
        sentence = "Your answers have been deleted. Thank you all the same."
        response = self._page(request, "message", title="Withdrawn", sentence=sentence)
        response.delete_cookie(COOKIE, path="/listen")
        return response

    def level_sound(self) -> Response:
        return _sound(self._test.level_flac())

    def clip(self, request: Request, address: str, code: Code = "") -> Response:
        listener = self._who(code)
        turn = listeners.next_question(self._test, listener) if listener else None
        if listener and turn:
            for heard, role in _heard(turn).items():
                if address == listeners.token(self._test, listener, turn.trial, heard):
                    return _sound(self._test.flac(turn.trial, role))
        return self._refused(request, "There is no such sound, or not any more.", 404)


def _known(request: Request, code: str) -> Response:
    """To the questions, with the cookie that says who it is."""
    response = _to("question")
    response.set_cookie(
        COOKIE,
        listeners.plain_code(code),
        max_age=_KEPT_S,
        path="/listen",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return response


def _shown(test: TestFile, listener: Listener, turn: Turn) -> dict[str, Any]:
    """What the page of a question is filled with."""
    part = test.trials[turn.trial].part
    return {
        "number": turn.number,
        "of": turn.of,
        "part": PART_WORDS[part],
        "many": part in _MANY,
        "other": part is Part.OTHER,
        "aspects": test.about.aspects,
        "token": listeners.token(test, listener, turn.trial, "question"),
        "clips": {
            heard: listeners.token(test, listener, turn.trial, heard) for heard in _heard(turn)
        },
    }


def _heard(turn: Turn) -> dict[str, str]:
    """What the listener hears as x, a and b -> its role in the test."""
    x, a, b = ROLES
    return {x: x, a: b, b: a} if turn.swapped else {x: x, a: a, b: b}


def _sound(flac: bytes) -> Response:
    return Response(wav_of(flac), media_type="audio/wav", headers={"Cache-Control": "no-store"})


def _to(place: str) -> RedirectResponse:
    return RedirectResponse(f"/listen/{place}".rstrip("/"), status_code=303)


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise PartwiseError("the times or counts that the page sent make no sense") from None


def _sentence(error: PartwiseError) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."


def read_consent(path: Path | None) -> str:
    """The text of ``--consent``, or the default one. Raises PartwiseError."""
    if path is None:
        return default_consent()
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise PartwiseError(f"--consent {path} cannot be read as text: {error}") from None
    if not text.strip():
        raise PartwiseError(f"--consent {path} is empty: write what listeners agree to")
    return text
