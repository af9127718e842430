"""What no page may do, whatever a test does with it."""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Request, Response, WebError

_REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`content security policy: ${event.violatedDirective} ${event.blockedURI}`));
"""
_NOT_SENT = ("data", "blob", "about")  # schemes of what the browser has already


class PageGuard:
    """Watches all pages of a browser context.

    complaints : what happened that must not: errors in the console or in scripts, violations of the
    content security policy, requests to anywhere but ``origins``, and answers with 5xx.
    requests : "POST /path?query" of all requests so far, in order.
    """

    def __init__(self, context: BrowserContext, *origins: str) -> None:
        self.origins = list(origins)
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self._refusals: set[int] = set()
        context.add_init_script(_REPORT_VIOLATIONS)
        context.on("console", self._console)
        context.on("weberror", self._error)
        context.on("request", self._request)
        context.on("response", self._response)

    def expect_refusal(self, *statuses: int) -> None:
        """The test asks for something that is refused so; the browser's own note of it is fine."""
        self._refusals.update(statuses)

    def asked(self, request: str) -> int:
        """How many requests so far begin like this."""
        return sum(made.startswith(request) for made in self.requests)

    def check(self) -> None:
        """Fail if there was anything to complain about."""
        assert not self.complaints, "\n".join(self.complaints)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type != "error":
            return
        noted = "Failed to load resource: the server responded with a status of"
        if not any(message.text.startswith(f"{noted} {status} ") for status in self._refusals):
            self.complaints.append(f"console: {message.text} ({message.location.get('url')})")

    def _error(self, error: WebError) -> None:
        self.complaints.append(f"script: {error.error}")

    def _request(self, request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme in _NOT_SENT:
            return
        if f"{url.scheme}://{url.netloc}" not in self.origins:
            self.complaints.append(f"a request leaves for {request.url}")
        query = f"?{url.query}" if url.query else ""
        self.requests.append(f"{request.method} {url.path}{query}")

    def _response(self, response: Response) -> None:
        if response.status >= 500:
            self.complaints.append(f"{response.status} from {response.url}")
