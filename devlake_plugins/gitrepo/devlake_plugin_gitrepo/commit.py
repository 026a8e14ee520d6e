"""Read a commit object as git stores it, whatever is in it."""

from __future__ import annotations

import codecs
import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import Any

MESSAGE_LIMIT = 1 << 20
_NAME_LIMIT = 255
_KEY_LIMIT = 200
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What all three databases hold in any session time zone.
_FIRST, _LAST = -30_610_224_000, 253_370_764_800
_TIME = re.compile(rb"\s*(-?\d{1,18})(?:\s|$)")
# The character sets of old tools and locales. Python knows more, some of which are compressions
# or take quadratic time, so a commit may not choose among all.
_CHARSETS = re.compile(
    r"(iso8859-\d+|cp\d+|koi8-[rut]|mac-\w+|shift_jis\w*|euc_\w+|iso2022_\w+|gb\w+|big5\w*|"
    r"johab|tis-620)"
)


def parse_commit(sha: str, body: bytes) -> dict[str, Any]:
    """Return a commit's record from its object.

    A header that is missing, doubled or of nonsense costs the value that it stands for, nothing
    else: such commits exist in old repositories, and git itself reads them.
    """
    head, _, message = body.partition(b"\n\n")
    headers: dict[bytes, bytes] = {}
    parents: dict[str, None] = {}
    for line in head.split(b"\n"):
        name, _, value = line.partition(b" ")
        if name == b"parent":
            parents[value.decode("ascii", "replace")] = None
        else:
            headers.setdefault(name, value)
    charset = headers.get(b"encoding", b"")
    author, authored = _ident(headers.get(b"author", b""), charset)
    committer, committed = _ident(headers.get(b"committer", b""), charset)
    return {
        "sha": sha,
        "message": decode(message[:MESSAGE_LIMIT], charset),
        "author": author,
        "authored_date": authored,
        "committer": committer,
        "committed_date": committed,
        "parents": [{"sha": parent, "position": i} for i, parent in enumerate(parents)],
    }


def _ident(value: bytes, charset: bytes) -> tuple[dict[str, str] | None, str | None]:
    """Return person and time of an author or committer header; None for what it does not say."""
    name, _, rest = value.partition(b"<")
    email, _, when = rest.rpartition(b">")
    person = {
        "name": decode(name, charset).strip()[:_NAME_LIMIT],
        "email": decode(email, charset).strip()[:_NAME_LIMIT],
    }
    person["id"] = person_id(**person)
    found = _TIME.match(when)
    seconds = int(found[1]) if found else None
    if seconds is None or not _FIRST <= seconds <= _LAST:
        time = None
    else:
        time = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return (person if person["id"] else None), time


def person_id(name: str, email: str) -> str:
    """Return the key of a person: the mail address, else the name, else nothing."""
    key = (email or name).lower()
    return key if len(key) <= _KEY_LIMIT else hashlib.sha256(key.encode()).hexdigest()


def decode(value: bytes, charset: bytes = b"") -> str:
    """Return bytes as text: in the declared character set, UTF-8 where none is declared."""
    text = value.decode(_codec(charset) if charset else "utf-8", "replace")
    # Go and PostgreSQL take no NUL in a text.
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _codec(charset: bytes) -> str:
    try:
        name = codecs.lookup(charset.decode("ascii").strip()).name
    except (LookupError, UnicodeError, ValueError):
        return "utf-8"
    return name if _CHARSETS.fullmatch(name) else "utf-8"
