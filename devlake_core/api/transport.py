"""The door to the network: the only place that knows ``requests``."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from devlake_core.errors import ConfigError, RequestError

from .request import query_pairs
from .response import Response

if TYPE_CHECKING:
    import requests

    from .request import Request

CONNECT_SECONDS = 15.0
SILENCE_SECONDS = 60.0
TOTAL_SECONDS = 300.0
LARGEST_BODY = 64 * 1024 * 1024
MOST_REDIRECTS = 5
_CHUNK = 64 * 1024
_REDIRECTS = {301, 302, 303, 307, 308}
_TLS_HINT = "give the CA's bundle in REQUESTS_CA_BUNDLE; certificates are always checked"


class Truncated(RequestError):
    """Say that a connection broke, or a body ended, before the response was whole."""


class Transport:
    """Send requests over one session: connections are kept open between them."""

    def __init__(self, proxy: str | None = None) -> None:
        self._proxy = proxy
        self._session: requests.Session | None = None
        self._pid = 0

    def send(self, request: Request, shown: Request) -> Response:
        """Send a request and read the whole response.

        Args:
            request: the request with its credentials.
            shown: the same without them: what the response and errors show.

        Raises:
            Truncated: the connection or the body broke off; another try may help.
            RequestError: the request cannot be sent so (TLS, unknown host, wrong URL).
        """
        import requests

        _check(request, shown)
        deadline = time.monotonic() + TOTAL_SECONDS
        url, method, headers = request.url, request.method, dict(request.headers)
        query = query_pairs(request.query_args)
        body, as_json = request.data, request.json
        for _ in range(MOST_REDIRECTS + 1):
            try:
                answer = self._open().request(
                    method,
                    url,
                    params=query,
                    headers=headers,
                    json=as_json,
                    data=body,
                    timeout=(CONNECT_SECONDS, SILENCE_SECONDS),
                    allow_redirects=False,
                    stream=True,
                    proxies=self._proxies(url),
                    verify=os.environ.get("REQUESTS_CA_BUNDLE") or True,
                )
                with answer:
                    target = answer.headers.get("Location")
                    if answer.status_code not in _REDIRECTS or not target:
                        content = _read(answer, deadline, shown)
                        return Response(shown, answer.status_code, content, answer.headers)
            except requests.exceptions.SSLError as error:
                message = f"{shown.url}: TLS failed: {_cause(error)}"
                raise RequestError(message, request=shown, hint=_TLS_HINT, exit_code=78) from None
            except requests.exceptions.ProxyError as error:
                message = f"{shown.url}: the proxy failed: {_cause(error)}"
                raise RequestError(message, request=shown, exit_code=78) from None
            except requests.exceptions.RequestException as error:
                message = f"{shown.url}: {_cause(error)}"
                raise Truncated(message, request=shown) from None
            found = urljoin(answer.url, target)
            _check_redirect(url, found, shown)
            if _origin(found) != _origin(url):
                # Whatever the connection or an author's hook put in is for the first host alone.
                headers = {k: v for k, v in headers.items() if k.lower() == "accept"}
            if answer.status_code in {301, 302, 303} and method != "HEAD":
                method, body, as_json = "GET", None, None
            url, query = found, []
        message = f"{shown.url}: more than {MOST_REDIRECTS} redirects"
        raise RequestError(message, request=shown, exit_code=1)

    def _open(self) -> requests.Session:
        # A forked process must not talk on its parent's connections.
        if self._session is None or self._pid != os.getpid():
            import requests

            self._session = requests.Session()
            # No credentials from ~/.netrc, no proxy that nobody named here.
            self._session.trust_env = False
            self._pid = os.getpid()
        return self._session

    def _proxies(self, url: str) -> dict[str, str]:
        if self._proxy:
            return {"http": self._proxy, "https": self._proxy}
        from requests.utils import get_environ_proxies

        return dict(get_environ_proxies(url))


_transports: dict[tuple[Any, ...], Transport] = {}


def transport_for(connection: Any, proxy: str | None) -> Transport:
    """Return the transport of a connection, so that clients made again and again share it."""
    key = (
        type(connection),
        getattr(connection, "id", None),
        getattr(connection, "name", None),
        proxy,
    )
    if key not in _transports:
        _transports[key] = Transport(proxy)
    return _transports[key]


def _check(request: Request, shown: Request) -> None:
    parts = urlsplit(request.url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        message = f"{shown.url!r} is no URL of a tool"
        raise ConfigError(message, hint="it must begin with http:// or https:// and name a host")
    if parts.username is not None:
        message = f"credentials in the URL of {parts.hostname} are not sent"
        raise ConfigError(message, hint="put them into fields of the connection")
    for name, value in request.headers.items():
        if any(c in f"{name}{value}" for c in "\r\n"):
            message = f"the header {name!r} holds a line break"
            raise ConfigError(message)


def _check_redirect(url: str, found: str, shown: Request) -> None:
    before, after = urlsplit(url), urlsplit(found)
    if after.scheme not in {"http", "https"} or (before.scheme, after.scheme) == ("https", "http"):
        message = f"{shown.url}: refused a redirect to {after.scheme}://{after.hostname}"
        raise RequestError(message, request=shown, exit_code=1)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def _read(answer: Any, deadline: float, shown: Request) -> bytes:
    """Read a body in pieces, mindful of its size and of the time."""
    pieces: list[bytes] = []
    size = 0
    for piece in answer.iter_content(_CHUNK):
        size += len(piece)
        if size > LARGEST_BODY:
            message = f"{shown.url}: the response is larger than {LARGEST_BODY >> 20} MiB"
            raise RequestError(message, request=shown, exit_code=1)
        if time.monotonic() > deadline:
            message = f"{shown.url}: the response took longer than {TOTAL_SECONDS:.0f} s"
            raise Truncated(message, request=shown)
        pieces.append(piece)
    return b"".join(pieces)


def _cause(error: BaseException) -> str:
    """Return the innermost reason, without the URL: its query may hold secrets."""
    seen: BaseException = error
    while True:
        inner = getattr(seen, "reason", None) or next(
            (a for a in getattr(seen, "args", ()) if isinstance(a, BaseException)), None
        )
        if not isinstance(inner, BaseException):
            break
        seen = inner
    text = str(seen.args[-1] if seen.args else seen)
    return f"{type(seen).__name__}: {text.rpartition('>: ')[2]}"[:300]
