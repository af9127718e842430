#!/opt/partwise/bin/python -I
"""Ends with 0 while the server in this container answers what its library holds, else with 1."""

import os
import sys
import urllib.error
import urllib.request
from contextlib import suppress

ADDRESS = "http://127.0.0.1:8321/api/v1/status"


def main() -> int:
    request = urllib.request.Request(ADDRESS)
    token = os.environ.get("PARTWISE_TOKEN", "")
    with suppress(OSError):
        if not token:
            with open(os.environ.get("PARTWISE_TOKEN_FILE", ""), encoding="utf-8") as file:
                token = file.readline().strip()
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=8) as answer:
            return 0 if answer.status == 200 else 1
    except urllib.error.HTTPError as error:
        # Another token than the one that is known here: it answers, and that was the question.
        return 0 if error.code == 401 else 1
    except OSError as error:
        print(f"{ADDRESS}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
