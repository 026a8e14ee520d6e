"""A tool's web server for tests: real sockets on loopback, answers as a test wants them.

``with serving() as web:`` gives a ``Web``; a fixture of that name is in ``tests/api/conftest.py``.
"""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass
class Asked:
    """A request as it came over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Answer:
    """What is sent back: ``body`` as it is if it is bytes, else as JSON."""

    body: Any = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    def send(self, handler: BaseHTTPRequestHandler) -> None:
        raw = isinstance(self.body, bytes)
        body = self.body if raw else json.dumps(self.body).encode()
        headers = {} if raw else {"Content-Type": "application/json"}
        headers = {"Content-Length": str(len(body)), **headers, **self.headers}
        handler.send_response(self.status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)


@dataclass
class Raw:
    """Bytes written to the socket as they are, status line and all; then the connection ends."""

    text: bytes

    def send(self, handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        handler.wfile.write(self.text)


@dataclass
class Dripping:
    """A status line, and then a byte now and then for ever."""

    head: bytes
    every: float = 0.05

    def send(self, handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        handler.wfile.write(self.head)
        while not handler.server.web.ended.wait(self.every):  # type: ignore[attr-defined]
            try:
                handler.wfile.write(b"x")
            except OSError:
                return


class Web:
    """What each path answers, and what was asked.

    ``web.on("/issues", answer, answer …)`` says what a path answers, one after the other; the
    last one stays. An answer may also be a function of the ``Asked``, or a JSON value.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[Asked] = []
        self.ended = threading.Event()
        self._answers: dict[str, list[Any]] = {}
        self._lock = threading.Lock()

    def on(self, path: str, *answers: Any) -> None:
        self._answers[path] = list(answers)

    def paths(self) -> list[str]:
        return [asked.target for asked in self.asked]

    def answer(self, asked: Asked) -> Any:
        with self._lock:
            self.asked.append(asked)
            queue = self._answers.get(asked.path, [])
            answer = queue.pop(0) if len(queue) > 1 else (queue or [Answer({}, 404)])[0]
        if callable(answer):
            answer = answer(asked)
        return answer if hasattr(answer, "send") else Answer(answer)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = Asked(self.command, self.path, dict(self.headers.items()), body)
        self.server.web.answer(asked).send(self)  # type: ignore[attr-defined]

    do_GET = do_POST = do_PUT = do_HEAD = _answer

    def handle(self) -> None:
        # The client goes away where a test wants it to.
        with suppress(OSError):
            super().handle()

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def serving(wrap: Callable[[Any], Any] | None = None) -> Iterator[Web]:
    """Serve on a free port of loopback; ``wrap`` may put TLS around the listening socket."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        scheme = "http"
        if wrap is not None:
            server.socket, scheme = wrap(server.socket), "https"
        web = Web(f"{scheme}://127.0.0.1:{server.server_port}")
        server.web = web  # type: ignore[attr-defined]
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield web
        finally:
            web.ended.set()
            server.shutdown()
            thread.join()
