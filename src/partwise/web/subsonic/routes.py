"""The addresses under /rest: with and without ``.view``, by GET and by POST.

Specification: https://opensubsonic.netlify.app/docs/opensubsonic-api/. What is here is what a
player needs to log in, browse, play, keep playlists, and ask what sounds alike.

Web players of other origins may read the answers where there is a token: whoever asks has to send
it, and no browser does that by itself. A server without one answers to its own origin alone.
"""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from partwise.errors import PartwiseError
from partwise.web.responses import NotHere
from partwise.web.server import Server, server_of
from partwise.web.subsonic import browsing, keeping, lists, media, similar, system
from partwise.web.subsonic.requests import Params, check_request, read_params
from partwise.web.subsonic.responses import Answer, Code, Failure, check_format, failure, success

router = APIRouter()

OPEN_TO_ALL = "getOpenSubsonicExtensions"
NO_SUCH_METHOD = "This server has no such method."
METHODS: dict[str, Callable[[Server, Params], Answer]] = {
    **system.METHODS,
    **browsing.METHODS,
    **lists.METHODS,
    **keeping.METHODS,
    **media.METHODS,
    **similar.METHODS,
}
NAMES = frozenset({*METHODS, *media.ASYNC_METHODS})

_FOR_ALL_ORIGINS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Content-Range, Accept-Ranges, Content-Disposition",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
_BEFORE_ASKING = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Max-Age": "86400",
}


@router.api_route(
    "/rest/{name}", methods=["GET", "HEAD", "POST", "OPTIONS"], include_in_schema=False
)
async def rest(request: Request, name: str) -> Response:
    """Any method of the API, by its name."""
    guarded = request.app.state.settings.token is not None
    if request.method == "OPTIONS":
        if not guarded:
            raise HTTPException(405)
        return Response(status_code=204, headers={**_FOR_ALL_ORIGINS, **_BEFORE_ASKING})
    response = await _answer(request, name.removesuffix(".view"))
    if guarded:
        response.headers.update(_FOR_ALL_ORIGINS)
    return response


async def _answer(request: Request, method: str) -> Response:
    params = Params(request.query_params.multi_items())
    token = request.app.state.settings.token
    server = server_of(request)
    try:
        params = await read_params(request)
        if method not in NAMES:
            raise Failure(Code.GENERIC, NO_SUCH_METHOD)
        if method != OPEN_TO_ALL:
            check_request(params, token)
        check_format(params, guarded=token is not None)
        if method in media.ASYNC_METHODS:
            return await media.ASYNC_METHODS[method](server, params, request)
        answer = await run_in_threadpool(METHODS[method], server, params)
    except Failure as error:
        return failure(params, error)
    except NotHere as error:
        return failure(params, Failure(Code.NOT_FOUND, _sentence(error)))
    except PartwiseError as error:
        # That a server is busy is no answer: players try again.
        busy = getattr(error, "status", None) == 503
        return failure(params, Failure(Code.GENERIC, _sentence(error)), 503 if busy else 200)
    return answer if isinstance(answer, Response) else success(params, answer)


def _sentence(error: PartwiseError) -> str:
    text = str(error)
    return text[:1].upper() + text[1:].rstrip(".") + "."
