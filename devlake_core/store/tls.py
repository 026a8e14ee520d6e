"""TLS to a MySQL server, as the URL of Go's driver asks for it."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Literal

from devlake_core.errors import ConfigError

if TYPE_CHECKING:
    from sqlalchemy import URL


def tls_context(url: URL, where: str) -> ssl.SSLContext | Literal[False] | None:
    """Return the TLS context that Go's ``tls=`` means: False for none, None for "if offered"."""

    def said(name: str) -> str:
        return str(url.query.get(name, ""))

    mode = said("tls").lower()
    authority = said("ca-cert") or said("ssl_ca")
    given = [authority, said("ssl_capath"), said("ssl_cert"), said("ssl_check_hostname")]
    if mode in {"false", "0"}:
        return False
    if mode == "preferred" or not (mode or any(given)):
        return None
    try:
        context = ssl.create_default_context(
            cafile=authority or None, capath=said("ssl_capath") or None
        )
        if certificate := said("ssl_cert"):
            context.load_cert_chain(certificate, said("ssl_key") or None)
    except OSError as error:
        message = f"{where}: a TLS certificate of the database URL cannot be read ({error})"
        raise ConfigError(message, hint="check ca-cert, ssl_cert and ssl_key") from error
    context.check_hostname = said("ssl_check_hostname").lower() not in {"false", "0"}
    if mode == "skip-verify":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
