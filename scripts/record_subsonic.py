"""Record tests/web/subsonic/conversation.json: client libraries from PyPI asking our server.

    pip install knuckles py-sonic
    python scripts/record_subsonic.py

The tests say the recorded requests again and compare the answers.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from subsonic_conversation import CLIENTS, RECORDED, record


def main() -> None:
    conversations = []
    for client in CLIENTS:
        with tempfile.TemporaryDirectory() as folder:
            conversations.append(record(Path(folder), client))
        print(f"{conversations[-1]['client']}: {len(conversations[-1]['said'])} requests")
    RECORDED.write_text(
        json.dumps(conversations, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
