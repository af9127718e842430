"""Waiting in a page whose content security policy forbids what Playwright's own waiting does."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

_PATIENCE_MS = 15_000


def wait_until(page: Page, condition: str, argument: Any = None) -> None:
    """Wait until a JavaScript function of ``argument`` returns true, asked once a frame."""
    page.evaluate(
        f"""async (argument) => {{
          const holds = {condition};
          const latest = performance.now() + {_PATIENCE_MS};
          while (!holds(argument)) {{
            if (performance.now() > latest) throw new Error(`waited in vain for ${{holds}}`);
            await new Promise(requestAnimationFrame);
          }}
        }}""",
        argument,
    )
