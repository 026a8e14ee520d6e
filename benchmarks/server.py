"""The tool of the benchmarks: a local server whose answers cost it next to nothing.

Everything of an item but its number is rendered before the first request, and a page is a join of
such pieces, so that the client is what is measured. Run as a program it prints its port.
"""

from __future__ import annotations

import json
import re
import socketserver
import sys
from datetime import UTC, datetime, timedelta

PAGE = 100
VARIANTS = 97
EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
_ASKED = re.compile(rb"GET /\S*?[?&]page=(\d+)")
_TEXT = (
    "When the importer meets a “quoted” header, it stops.\n\tSteps: open, edit, save — then look. "
)


def _rest(variant: int) -> str:
    """Return an item without its number, key and times, as JSON text that begins with a comma."""
    person = {"id": f"u{variant % 23}", "login": f"person-{variant % 23}", "type": "User"}
    rest = {
        "title": f"Importer stops at header {variant}",
        "body": _TEXT * 8,
        "state": "closed" if variant % 3 == 0 else "open",
        "kind": ("bug", "feature", "task")[variant % 3],
        "user": person,
        "assignee": None if variant % 4 == 0 else person,
        "labels": [{"id": n, "name": f"label-{n}", "color": "d73a4a"} for n in range(3)],
        "reactions": {name: variant % 7 for name in ("up", "down", "laugh", "heart", "eyes")},
        "links": {name: f"https://tool.invalid/api/issues/{name}" for name in ("self", "events")},
        "locked": False,
        "comments": variant % 11,
    }
    return "," + json.dumps(rest, ensure_ascii=False)[1:]


class Tool:
    """Answer pages of a number of items."""

    def __init__(self) -> None:
        self._rests = [_rest(variant) for variant in range(VARIANTS)]

    def item(self, number: int) -> str:
        """Return one item as JSON text."""
        made = EPOCH + timedelta(minutes=number)
        variant = number % VARIANTS
        closed = f'"{made + timedelta(hours=5):%Y-%m-%dT%H:%M:%SZ}"' if variant % 3 == 0 else "null"
        return (
            f'{{"id":{number},"key":"BENCH-{number}","created_at":"{made:%Y-%m-%dT%H:%M:%SZ}",'
            f'"updated_at":"{made + timedelta(hours=6):%Y-%m-%dT%H:%M:%S}.250Z",'
            f'"closed_at":{closed}{self._rests[variant]}'
        )

    def page(self, page: int, size: int) -> bytes:
        """Return a page, counted from 1, of so many items in all."""
        first, last = (page - 1) * PAGE + 1, min(page * PAGE, size)
        following = f'"{page + 1}"' if last < size else "null"
        items = ",".join(map(self.item, range(first, last + 1)))
        return f'{{"items":[{items}],"next":{following}}}'.encode()

    def responses(self, size: int) -> list[bytes]:
        """Return all responses of a run, rendered whole."""
        answers = []
        for number in range(1, -(-size // PAGE) + 1):
            body = self.page(number, size)
            head = (
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            )
            answers.append(head.encode() + body)
        return answers


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        """Answer requests until the client closes the connection."""
        responses: list[bytes] = self.server.responses  # type: ignore[attr-defined]
        while line := self.rfile.readline():
            while self.rfile.readline() not in {b"\r\n", b""}:
                pass
            asked = _ASKED.match(line)
            self.wfile.write(responses[int(asked[1]) - 1 if asked else 0])


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


def main() -> None:
    """Serve as many items as the argument says, on a free port of loopback."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.responses = Tool().responses(int(sys.argv[1]))  # type: ignore[attr-defined]
        print(server.server_address[1], flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
