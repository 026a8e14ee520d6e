"""The door to the network: the only place that knows ``requests``.

It takes a moment to import, so the client does that with its first request.
"""

from __future__ import annotations

import logging
import os
import ssl
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urljoin

import requests
from pydantic_core import to_json
from requests.adapters import HTTPAdapter
from requests.exceptions import ProxyError, RequestException
from requests.utils import get_environ_proxies
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, MaxRetryError, NameResolutionError

from devlake_core import forking
from devlake_core.errors import RequestError
from devlake_core.failpoints import failpoint

from .address import check, origin, without_query
from .deadline import GuardedResponse, within
from .response import Response
from .retry import ConnectionBroken

if TYPE_CHECKING:
    from .request import Request

CONNECT_SECONDS = 15.0
READ_SECONDS = 60.0
TOTAL_SECONDS = 300.0
LARGEST_BODY = 64 * 1024 * 1024
LARGEST_RATIO = 200
_RATIO_FROM = 8 * 1024 * 1024  # below this, repetitive JSON may well compress better
MOST_REDIRECTS = 5
MOST_TRANSPORTS = 8
_CHUNK = 64 * 1024
_REDIRECTS = {301, 302, 303, 307, 308}

_CUT = (ssl.SSLEOFError, ssl.SSLZeroReturnError)  # a connection that broke, not a wrong one
_TLS_HINT = "give the CA's bundle in REQUESTS_CA_BUNDLE; certificates are always checked"
_NO_ANSWER = "see whether the tool is up and its address is right; what came so far is kept"

log = logging.getLogger(__name__)


class _Connection(HTTPConnection):
    response_class = GuardedResponse


class _TLSConnection(HTTPSConnection):
    response_class = GuardedResponse


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


_POOLS = {"http": _Pool, "https": _TLSPool}


class _Adapter(HTTPAdapter):
    """Make connections that read against the clock."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager


def new_session() -> requests.Session:
    """Return a session that takes nothing from its surroundings."""
    forking.check("an HTTP session")
    session = requests.Session()
    # No credentials from ~/.netrc, no proxy that nobody named here.
    session.trust_env = False
    session.headers["User-Agent"] = "devlake-core"
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter())
    return session


class Transport:
    """Send requests over one session: connections are kept open between them.

    Args:
        proxy: the URL of a proxy; those of the environment where left out.
    """

    def __init__(self, proxy: str | None = None) -> None:
        self._proxy = proxy
        self._found: dict[Any, dict[str, str]] = {}
        self.session = new_session()

    def send(self, request: Request, shown: Request) -> Response:
        """Send a request and read the whole response.

        Args:
            request: the request with its credentials.
            shown: the same without them: what the response and errors show.

        Raises:
            ConfigError: the request cannot be sent: a wrong URL, a header with a line break.
            ConnectionBroken: the connection or the body broke off; another try may help.
            RequestError: another try does not help (TLS, proxy, too large a body).
        """
        problem: RequestError
        try:
            with within(TOTAL_SECONDS):
                return self._follow(request, shown)
        except (RequestException, HTTPError, OSError, ValueError) as error:
            problem = _failed(error, shown)
        # Outside of the except block: the chained error's URL may hold a secret in its query.
        raise problem

    def _follow(self, request: Request, shown: Request) -> Response:
        session, method = self.session, request.method
        headers = {name: str(value) for name, value in request.headers.items()}
        body = request.data
        if request.json is not None:
            body = to_json(request.json)
            if not any(name.lower() == "content-type" for name in headers):
                headers["Content-Type"] = "application/json"
        url = request.get_url_with_query_string()
        for _ in range(MOST_REDIRECTS + 1):
            check(url, headers)
            failpoint("request.before")
            with session.request(
                method,
                url,
                headers=headers,
                data=body,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
                stream=True,
                proxies=self._proxies(url),
                verify=os.environ.get("REQUESTS_CA_BUNDLE") or True,
            ) as answer:
                target = answer.headers.get("Location")
                if answer.status_code not in _REDIRECTS or not target:
                    return Response(shown, answer.status_code, _read(answer, shown), answer.headers)
            before, url = url, urljoin(url, target)
            if before.startswith("https:") and not url.startswith("https:"):
                _refuse(f"a redirect to {without_query(url)}, which is not encrypted", shown)
            if answer.status_code == 303 or (answer.status_code < 303 and method == "POST"):
                method, body = "GET", None
            if origin(url) != origin(before):
                if body is not None:
                    _refuse(f"a redirect of its body to {without_query(url)}", shown)
                log.warning(
                    "%s redirects to %s, which gets no credentials",
                    without_query(before),
                    without_query(url),
                )
                # Whatever the connection, a hook or a cookie put in is for the first host alone.
                session = new_session()
                headers = {k: v for k, v in headers.items() if k.lower() == "accept"}
        _refuse(f"more than {MOST_REDIRECTS} redirects", shown)

    def _proxies(self, url: str) -> dict[str, str]:
        if self._proxy:
            return {"http": self._proxy, "https": self._proxy}
        # Asked once for each host: it goes through the whole environment, twice.
        where = origin(url)
        if where not in self._found:
            self._found[where] = dict(get_environ_proxies(url))
        return self._found[where]


def _read(answer: requests.Response, shown: Request) -> bytes:
    """Return the decoded body, in pieces, mindful of its size."""
    pieces: list[bytes] = []
    size = 0
    for piece in answer.iter_content(_CHUNK):
        size += len(piece)
        if size > LARGEST_BODY:
            _refuse(f"a response of more than {LARGEST_BODY >> 20} MiB", shown)
        if size > _RATIO_FROM and size > LARGEST_RATIO * answer.raw.tell():
            _refuse(f"a response that unpacks to more than {LARGEST_RATIO} times its size", shown)
        pieces.append(piece)
    return b"".join(pieces)


def _refuse(what: str, shown: Request) -> NoReturn:
    message = f"{shown.method} {without_query(shown.url)}: refused {what}"
    raise RequestError(message, request=shown, exit_code=1)


def _failed(error: Exception, shown: Request) -> RequestError:
    """Return what a request that got no response means to the run."""
    causes = _causes(error)
    last = causes[-1]
    where = f"{shown.method} {without_query(shown.url)}"
    reason = str(last.args[-1] if last.args else "").rpartition("): ")[2]
    if isinstance(last, MaxRetryError) or "://" in reason:
        reason = ""  # it would show the URL, whose query may hold a secret
    message = f"{where}: {type(last).__name__}{': ' if reason else ''}{reason[:300]}"
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return RequestError(message, request=shown, hint=_TLS_HINT, exit_code=78)
    if any(isinstance(cause, ssl.SSLError) for cause in causes) and not isinstance(last, _CUT):
        hint = "see whether the address and its port speak TLS"
        return RequestError(message, request=shown, hint=hint, exit_code=78)
    if any(isinstance(cause, ProxyError) for cause in causes):
        hint = "see whether the proxy is up and lets us through"
        return RequestError(message, request=shown, hint=hint, exit_code=78)
    if any(isinstance(cause, NameResolutionError) for cause in causes):
        hint = "see whether the address is right, and whether names are resolved here"
        return ConnectionBroken(message, request=shown, hint=hint, exit_code=78)
    if isinstance(error, HTTPError | RequestException) and not isinstance(error, ValueError):
        return ConnectionBroken(message, request=shown, hint=_NO_ANSWER)
    # A URL or header that cannot be sent, or a CA bundle that is not there.
    reason = reason if isinstance(last, OSError) else ""
    message = f"{where}: cannot be sent: {reason or type(last).__name__}"
    hint = "see whether the connection's fields, the proxy and REQUESTS_CA_BUNDLE are right"
    return RequestError(message, request=shown, hint=hint, exit_code=78)


def _causes(error: BaseException) -> list[BaseException]:
    """Return an error and the ones inside it, outermost first."""
    causes = [error]
    while True:
        last = causes[-1]
        inner = getattr(last, "reason", None)
        if not isinstance(inner, BaseException):
            inner = next((a for a in reversed(last.args) if isinstance(a, BaseException)), None)
        if inner is None or inner in causes:
            return causes
        causes.append(inner)


_local = threading.local()


def transport_for(connection: Any, proxy: str | None) -> Transport:
    """Return this thread's transport of a connection.

    Clients that are made again and again with one connection share it; two threads, two
    connections, or a forked process and its parent never do.
    """
    known: OrderedDict[Any, tuple[Any, Transport]]
    known = _local.__dict__.setdefault("transports", OrderedDict())
    key = (os.getpid(), id(connection), proxy)
    if key not in known:
        # The connection is held too, so that its id stays its own.
        known[key] = (connection, Transport(proxy))
        if len(known) > MOST_TRANSPORTS:
            _, (_, oldest) = known.popitem(last=False)
            oldest.session.close()
    known.move_to_end(key)
    return known[key][1]
