"""The pages of a listening test, under ``/listen``: consent, volume, questions, thanks.

Blind: no page, address or header names a song, and clips have addresses that are different for
every listener and question. Only the sounds of the question that a listener is at can be fetched.
"""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Cookie, FastAPI, Form, Request
from fastapi.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from partwise.errors import PartwiseError
from partwise.parts import Part
from partwise_lab.survey import listeners
from partwise_lab.survey.listeners import Listener, Question, Said
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


def add_pages(app: FastAPI, test: TestFile, consent: str) -> None:
    """Add the test's pages and their static files to an application.

    consent : plain text; an empty line begins a paragraph.
    """
    with as_file(_HERE / "static") as static:
        app.mount("/listen/static", StaticFiles(directory=static), name="listen-static")
    app.include_router(router_of(test, consent))


def create_app(test: TestFile, consent: str) -> FastAPI:
    """An application that serves one test and nothing else; who may ask is for others to say."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    add_pages(app, test, consent)
    app.add_api_route("/", lambda: _to(""), response_class=RedirectResponse)
    return app


def router_of(test: TestFile, consent: str) -> APIRouter:
    """The routes of one test."""
    router = APIRouter(prefix="/listen", include_in_schema=False)
    with as_file(_HERE / "templates") as folder:
        templates = Jinja2Templates(directory=folder)
    paragraphs = [" ".join(p.split()) for p in consent.split("\n\n") if p.strip()]

    def page(request: Request, template: str, status: int = 200, **values: Any) -> Response:
        file = f"{template}.html"
        response = templates.TemplateResponse(request, file, values, status_code=status)
        response.headers["Cache-Control"] = "no-store"
        return response

    def refused(request: Request, sentence: str, status: int = 422) -> Response:
        return page(request, "message", status, title="That did not work", sentence=sentence)

    def who(code: str) -> Listener | None:
        return listeners.come_back(test, code) if code else None

    def known(request: Request, code: str) -> Response:
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

    @router.get("")
    def start_page(request: Request, code: Code = "") -> Response:
        if who(code):
            return _to("question")
        return page(request, "consent", paragraphs=paragraphs, name_length=listeners.NAME_LENGTH)

    @router.post("/start")
    def start(request: Request, agree: Text = "", name: Text = "", code: Code = "") -> Response:
        if agree != "yes":
            return refused(request, "To take part, please agree to the text first.")
        # A link in a message does not bring the cookie along, but this form does: going on with
        # one's own questions is then what is meant.
        if who(code):
            return _to("question")
        return known(request, listeners.join(test, name)[1])

    @router.post("/resume")
    def resume(request: Request, resume_code: Text = "") -> Response:
        if who(resume_code) is None:
            return refused(request, "Nobody has this code: please check it, letter by letter.")
        return known(request, resume_code)

    @router.get("/question")
    def question_page(request: Request, code: Code = "") -> Response:
        listener = who(code)
        if listener is None:
            return _to("")
        if not listener.level_set:
            shown = listeners.shown_code(code)
            return page(request, "level", code=shown, name=listener.name)
        question = listeners.next_question(test, listener)
        if question is None:
            return page(request, "done", code=listeners.shown_code(code), name=listener.name)
        return page(request, "question", **_shown(test, listener, question))

    @router.post("/level")
    def level(code: Code = "") -> Response:
        if listener := who(code):
            listeners.set_level(test, listener)
        return _to("question")

    @router.post("/question")
    def answer(
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
        listener = who(code)
        if listener is None:
            return _to("")
        asked = listeners.next_question(test, listener)
        if asked is None or question != listeners.token(test, listener, asked.trial, "question"):
            return _to("question")  # sent twice, or from a second window: that one counts already
        choices = {"total": total, "timbre": timbre, "rhythm": rhythm, "melody": melody}
        try:
            said = Said(
                {aspect: choice for aspect, choice in choices.items() if choice},
                _number(choice_time_ms),
                (_number(plays_x), _number(plays_a), _number(plays_b)),
            )
            listeners.keep_answer(test, listener, asked, said)
        except PartwiseError as error:
            return refused(request, _sentence(error))
        return _to("question")

    @router.post("/leave")
    def leave() -> Response:
        response = _to("")
        response.delete_cookie(COOKIE, path="/listen")
        return response

    @router.post("/withdraw")
    def withdraw(request: Request, code: Code = "") -> Response:
        if listener := who(code):
            listeners.withdraw(test, listener)
        response = page(
            request,
            "message",
            title="Withdrawn",
            sentence="Your answers have been deleted. Thank you all the same.",
        )
        response.delete_cookie(COOKIE, path="/listen")
        return response

    @router.get("/level.wav")
    def level_sound() -> Response:
        return _sound(test.level_flac())

    @router.get("/clip/{address}")
    def clip(request: Request, address: str, code: Code = "") -> Response:
        listener = who(code)
        question = listeners.next_question(test, listener) if listener else None
        if listener and question:
            for heard, role in _heard(question).items():
                if address == listeners.token(test, listener, question.trial, heard):
                    return _sound(test.flac(question.trial, role))
        return refused(request, "There is no such sound, or not any more.", 404)

    return router


def _shown(test: TestFile, listener: Listener, question: Question) -> dict[str, Any]:
    """What the page of a question is filled with."""
    part = test.trials[question.trial].part
    return {
        "number": question.number,
        "of": question.of,
        "part": PART_WORDS[part],
        "many": part in _MANY,
        "other": part is Part.OTHER,
        "aspects": test.about.aspects,
        "token": listeners.token(test, listener, question.trial, "question"),
        "clips": {
            heard: listeners.token(test, listener, question.trial, heard)
            for heard in _heard(question)
        },
    }


def _heard(question: Question) -> dict[str, str]:
    """What the listener hears as x, a and b -> its role in the test."""
    x, a, b = ROLES
    return {x: x, a: b, b: a} if question.swapped else {x: x, a: a, b: b}


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
