"""Keep secrets out of everything that is shown: logs, errors, tracebacks.

Two nets, one behind the other: the exact values that this process handles, in every encoding that
a URL, a header or a JSON text may give them; and patterns of what looks like a secret.
"""

from __future__ import annotations

import html
import json
import logging
import re
import traceback
from base64 import b64encode
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Callable

STARS = "***"
OWN_WORDS = {"devlake"}
"""Not secret although it is a password: DevLake's own default, which every message holds."""

SHORTEST = 6
"""Values shorter than this are not registered: they would riddle every text with stars."""

_PLAIN = re.compile(r"[A-Za-z0-9_.~-]")
_SHORT_ESCAPES = {"\n": "n", "\t": "t", "\r": "r", "\b": "b", "\f": "f"}

_SHAPES = re.compile(
    r"gh[pousr]_[A-Za-z0-9]{36,}"
    r"|github_pat_[A-Za-z0-9_]{20,}"
    r"|glpat-[A-Za-z0-9_-]{20,}"
    r"|xox[baprs]-[A-Za-z0-9-]{10,}"
    r"|AKIA[0-9A-Z]{16}"
    r"|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    re.DOTALL,
)
# user:password@ as people write it (any sign in the password), or anything@ as a URL's grammar has
# it; "host:8080/a@b" is neither. The lengths are bounded to keep the search linear.
_USERINFO = re.compile(
    r"""(?<=://)(?:[^\s:/@"'<>]{0,255}:(?!\d+[/?#])[^\s"'<>]{0,255}|[^\s/?#"'<>]{0,255})@"""
)
_SCHEME = re.compile(r"\b((?i:bearer|basic)\s+)(?=[^\s,;]*[0-9A-Z=+/])[A-Za-z0-9._~+/=-]{8,}")
# A name and a value with ":" or "=" between them. A space alone is no sign of a value: "the token
# is wrong" stays readable.
_NAMED = re.compile(
    r"""(?ix)
    (authorization | private-token | api-?_?key | passw(?:or)?d | token | secret)
    ( [\\"']* \s* [:=] \s* (?:[bru]?[\\]*["'])? )
    (?! (?: none | null | \*{3} ) \b | \*{3} | $ )
    ( (?: (?:bearer|basic|token|digest) \s+ )? )
    (?: (?<=["']) (?: \\\\? [^\s"'\\] | [^"'\\] )+ | [^\s"'&]+ )
    """
)


def _form(sign: str) -> str:
    """Return a pattern for one character in any encoding; letters and digits stay themselves."""
    if _PLAIN.fullmatch(sign):
        return re.escape(sign)
    octets = sign.encode("utf-8", "surrogatepass")
    units = sign.encode("utf-16-be", "surrogatepass")
    forms = [
        rf"\\{{0,8}}{re.escape(sign)}",
        "".join(rf"%(?:25)*(?i:{octet:02x})" for octet in octets),
        "".join(rf"\\{{1,8}}u(?i:{units[i : i + 2].hex()})" for i in range(0, len(units), 2)),
        "".join(rf"\\{{1,8}}x(?i:{octet:02x})" for octet in octets),
        rf"\\{{1,8}}(?:x(?i:{ord(sign):02x})|U(?i:{ord(sign):08x}))",
    ]
    if sign == " ":
        forms.append(r"\+")
    if sign in _SHORT_ESCAPES:
        forms.append(rf"\\{{1,8}}{_SHORT_ESCAPES[sign]}")
    if html.escape(sign) != sign:
        forms.append(re.escape(html.escape(sign)))
    return f"(?:{'|'.join(forms)})"


def _spelled(value: str) -> str:
    """Return a pattern for a value, whatever mixture of encodings it went through."""
    parts = []
    for sign, run in groupby(value):
        count = len(list(run))
        if sign == "\\":
            # One quantifier for a run of them: a sequence of such would backtrack without end.
            escaped = r"(?:%(?:25)*5[cC]|\\{1,8}(?:x5c|u005[cC]))"
            parts.append(rf"(?:\\{{{count},}}|{escaped}{{{count}}})")
        else:
            parts.append(_form(sign) * count)
    return "".join(parts)


def _base64_cores(value: str) -> set[str]:
    """Return the Base64 letters that a value gives at each of the three offsets in a longer text.

    ``user:secret`` of Basic authentication is such a text; letters that depend on the
    neighbours are left out.
    """
    data = value.encode("utf-8", "surrogatepass")
    cores = set()
    for offset in range(3):
        text = b64encode(b"\0" * offset + data).decode()
        core = text[-(-offset * 8 // 6) : (offset + len(data)) * 8 // 6]
        cores |= {core, core.replace("+", "-").replace("/", "_")}
    return cores


class Redactor:
    """Replace secrets in texts by stars."""

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._told: Callable[[list[str]], None] | None = None

    def tell(self, told: Callable[[list[str]], None]) -> None:
        """Have somebody told of all secrets whenever there are new ones.

        Args:
            told: takes the spellings that are to be found by a search for exact text.
        """
        self._told = told
        if self._values:
            told(self._spellings())

    def register(self, value: object) -> None:
        """Add a secret that must never be shown: a string, or a ``SecretStr``.

        Of a value of several lines (a private key) each long line is a secret too, because texts
        are often redacted line by line.
        """
        reveal = getattr(value, "get_secret_value", None)
        text = str(reveal() if callable(reveal) else value).strip()
        lines = [line.strip() for line in text.splitlines() if not line.startswith("-----")]
        found = {text, *(line for line in lines if len(line) >= 20)}
        new = {item for item in found if len(item) >= SHORTEST} - self._values - OWN_WORDS
        if new:
            self._values |= new
            self.__dict__.pop("_exact", None)
            if self._told is not None:
                self._told(self._spellings())

    def _spellings(self) -> list[str]:
        """Return each secret as it is, as in JSON, in a URL and in Base64; the longest first."""
        found = set(self._values)
        for value in self._values:
            escaped = [json.dumps(value, ensure_ascii=ascii)[1:-1] for ascii in (True, False)]
            # What a variable of the environment holds need not be UTF-8.
            quoted = [way(value, safe="", errors="surrogatepass") for way in (quote, quote_plus)]
            found |= {*escaped, *quoted, *_base64_cores(value)}
        return sorted(found, key=len, reverse=True)

    @cached_property
    def _exact(self) -> re.Pattern[str] | None:
        if not self._values:
            return None
        patterns = []
        for value in sorted(self._values, key=len, reverse=True):
            cores = sorted(_base64_cores(value), key=len, reverse=True)
            patterns += [_spelled(value), *(rf"{re.escape(core)}=*" for core in cores)]
        return re.compile("|".join(patterns))

    def redact(self, text: str) -> str:
        """Return the text with stars in the place of every secret."""
        if self._exact is not None:
            text = self._exact.sub(STARS, text)
        text = _SHAPES.sub(STARS, text)
        if "://" in text:
            text = _USERINFO.sub(f"{STARS}@", text)
        text = _NAMED.sub(rf"\1\2\3{STARS}", text)
        return _SCHEME.sub(rf"\1{STARS}", text)

    def forget(self) -> None:
        """Drop every registered secret."""
        self._values.clear()
        self.__dict__.pop("_exact", None)


_PROCESS = Redactor()


def register_secret(value: object) -> None:
    """Add a secret that no output of this process may show."""
    _PROCESS.register(value)


def tell_secrets(told: Callable[[list[str]], None]) -> None:
    """Have somebody outside of this process's logs told of its secrets, now and later.

    Args:
        told: takes the spellings that are to be found by a search for exact text.
    """
    _PROCESS.tell(told)


def redact(text: str) -> str:
    """Return a text with stars in the place of the process's secrets and of what looks like one."""
    return _PROCESS.redact(text)


def forget_secrets() -> None:
    """Drop the process's registered secrets."""
    _PROCESS.forget()


class RedactingFilter(logging.Filter):
    """Redact a log record: its message, traceback and stack.

    It belongs on handlers: a filter on a logger does not see what its children log.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the record and let it pass."""
        try:
            text = record.getMessage()
        except Exception as error:
            # A wrong format, or a __str__ that raises. Left alone, logging would print the
            # arguments to stderr, past every filter.
            text = f"{record.msg} (its arguments do not fit: {type(error).__name__})"
        record.msg, record.args = redact(text), None
        if record.exc_info and record.exc_info[1] and not record.exc_text:
            record.exc_text = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        # The text stands for it; a handler that renders frames would show their variables.
        record.exc_info = None
        if record.stack_info:
            record.stack_info = redact(record.stack_info)
        return True
