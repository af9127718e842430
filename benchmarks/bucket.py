"""How many requests a store in a bucket makes: for a batch written, for opening, for an answer.

    python benchmarks/bucket.py --npz real.npz --rows 6e4 --json out.json

The bucket is moto's, in this process: its times mean nothing, its counts do. On real object storage
a request takes 10 to 100 ms, whatever it is for, so that the requests that follow one another are
the latency. Needs the packages of the tests (``pip install -e '.[dev]'``).
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

from made_up import AroundReal, draw_queries, tables
from measuring import TOP
from partwise.library.stores.lance import refresh_index
from partwise.library.stores.places import LancePlace
from partwise.library.stores.rows import segments_schema

BUCKET = "benchmark"
_REQUEST = re.compile(r"(GET|HEAD|PUT|POST|DELETE) /")


class _Requests(logging.Handler):
    """Counts what the server logs: a line each request."""

    def __init__(self) -> None:
        super().__init__()
        self._count: Counter[str] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        request = _REQUEST.search(record.getMessage())
        if request:
            self._count[request[1]] += 1

    def since(self) -> dict[str, int]:
        """How many of each kind since the last call."""
        found, self._count = dict(self._count), Counter()
        return found


def measure(npz: Path, rows: int, asked: int) -> dict[str, Any]:
    """Requests of each step, against an index over ``rows`` rows."""
    source = AroundReal(npz)
    drawn = draw_queries(source, asked + 2)
    requests = _Requests()
    log = logging.getLogger("werkzeug")
    log.handlers, log.propagate = [requests], False
    log.setLevel(logging.INFO)
    place = LancePlace(f"s3://{BUCKET}/library")
    store = place.create("segments_benchmark", segments_schema(source.dim))
    result: dict[str, Any] = {"rows": rows, "create": requests.since()}
    for at, piece in enumerate(tables(source, rows)):
        store.upsert(piece, new=True)
        if at == 0:
            result["write a batch"] = requests.since()
    requests.since()
    refresh_index(store.table, min_rows=1)
    result["build the index"] = requests.since()
    opened = LancePlace(place.uri).open(store.name)
    result["open"] = requests.since()
    for name, at in (("first answer", 0), ("second answer", 1)):
        opened.search(drawn["queries"][at], drawn["uniform"][at], TOP)
        result[name] = requests.since()
    for at in range(2, asked + 2):
        opened.search(drawn["queries"][at], drawn["uniform"][at], TOP)
    result["later answers, each"] = {
        kind: count / asked for kind, count in requests.since().items()
    }
    return result


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--npz", type=Path, required=True, help="from `partwise embed`")
    parser.add_argument("--rows", type=float, default=6e4)
    parser.add_argument("--queries", type=int, default=10)
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write the figures as JSON")
    options = parser.parse_args()
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=True)
    server.start()
    try:
        host, port = server.get_host_and_port()
        os.environ |= {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "nobody",
            "AWS_SECRET_ACCESS_KEY": "nothing",
            "AWS_REGION": "us-east-1",
        }
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket=BUCKET)
        report = measure(options.npz, int(options.rows), options.queries)
    finally:
        server.stop()
    print(json.dumps(report, indent=1))
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
