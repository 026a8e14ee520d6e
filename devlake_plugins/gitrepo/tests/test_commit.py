from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devlake_plugin_gitrepo.commit import MESSAGE_LIMIT, decode, parse_commit, person_id

SHA = "a" * 40
TREE = b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n"
ADA = b"Ada <ada@example.org> 1700000000 +0100\n"


def parsed(head: bytes, message: bytes = b"Message\n"):
    record = parse_commit(SHA, TREE + head + b"\n" + message)
    json.dumps(record).encode()
    return record


def test_ordinary_commit():
    record = parsed(b"parent %s\nauthor %scommitter %s" % (b"b" * 40, ADA, ADA))
    assert record["author"] == {"name": "Ada", "email": "ada@example.org", "id": "ada@example.org"}
    assert record["authored_date"] == "2023-11-14T22:13:20Z"
    assert record["parents"] == [{"sha": "b" * 40, "position": 0}]
    assert record["message"] == "Message\n"


def test_commit_without_author_and_committer():
    record = parsed(b"")
    assert record["author"] is record["authored_date"] is None
    assert record["committer"] is record["committed_date"] is None


def test_author_twice_is_the_first():
    record = parsed(b"author " + ADA + b"author Eve <eve@example.org> 1 +0000\n")
    assert record["author"]["name"] == "Ada"


def test_parent_twice_is_once():
    line = b"parent " + b"b" * 40 + b"\n"
    assert len(parsed(line + line)["parents"]) == 1


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (b"0 +0000", "1970-01-01T00:00:00Z"),
        (b"-1 +0000", "1969-12-31T23:59:59Z"),
        (b"1700000000 +9999", "2023-11-14T22:13:20Z"),
        (b"1700000000", "2023-11-14T22:13:20Z"),
        (b"-30610224000 +0000", "1000-01-01T00:00:00Z"),
        (b"-30610224001 +0000", None),
        (b"-62167219200 +0000", None),
        (b"253370764800 +0000", "9999-01-01T00:00:00Z"),
        (b"253402300799 +0000", None),
        (b"99999999999999999999 +0000", None),
        (b"yesterday", None),
        (b"", None),
    ],
)
def test_time_is_utc_or_nothing(when, expected):
    assert parsed(b"author A <a@b> " + when + b"\n")["authored_date"] == expected


@pytest.mark.parametrize(
    ("ident", "name", "email"),
    [
        (b"<> 1 +0000", None, None),
        (b"Only Name <> 1 +0000", "Only Name", ""),
        (b"<a@b> 1 +0000", "", "a@b"),
        (b"A <B> C <d@e> 1 +0000", "A", "B> C <d@e"),
        (b"A <a@b", "A", ""),
        (b"Nul\0 <a@b> 1 +0000", "Nul\ufffd", "a@b"),
        (b"N" * 300 + b" <a@b> 1 +0000", "N" * 255, "a@b"),
    ],
)
def test_odd_person(ident, name, email):
    author = parsed(b"author " + ident + b"\n")["author"]
    assert author == (
        None if name is None else {"name": name, "email": email, "id": person_id(name, email)}
    )


@pytest.mark.parametrize(
    ("charset", "raw", "text"),
    [
        (b"", "naïve".encode(), "naïve"),
        (b"", b"na\xefve", "na\ufffdve"),
        (b"ISO-8859-1", b"na\xefve", "naïve"),
        (b"utf8", "naïve".encode(), "naïve"),
        (b"ISO-2022-JP", "日本".encode("iso-2022-jp"), "日本"),
        (b"no-such-charset", b"na\xefve", "na\ufffdve"),
        (b"zlib", b"x\x9c", "x\ufffd"),
        (b"punycode", b"bcher-kva", "bcher-kva"),
        (b"unicode_escape", rb"\x41", r"\x41"),
        (b"\xff\xfe", b"abc", "abc"),
        (b"nul\0", b"abc", "abc"),
        (b"", b"\xed\xa0\x80", "\ufffd" * 3),
        (b"", b"a\0b", "a\ufffdb"),
    ],
)
def test_text_is_decoded_as_declared_and_never_fails(charset, raw, text):
    assert decode(raw, charset) == text
    assert parsed(b"encoding " + charset + b"\n", raw)["message"] == text


def test_headers_inside_a_merged_tag_are_not_the_commits():
    record = parsed(b"author " + ADA + b"mergetag object x\n author Eve <e@f> 1 +0000\n")
    assert record["author"]["name"] == "Ada"


def test_endless_message_is_cut():
    assert len(parsed(b"", b"x" * (MESSAGE_LIMIT + 5))["message"]) == MESSAGE_LIMIT


def test_key_of_a_person_ignores_case_and_has_a_limit():
    assert person_id("Ada", "ADA@example.org") == "ada@example.org"
    assert person_id("Ada", "") == "ada"
    assert len(person_id("", "a" * 250)) == 64


@settings(deadline=None, max_examples=300, derandomize=True)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"author ", b"committer ", b"parent ", b"encoding ", b"tree ", b""]),
            st.binary(max_size=40) | st.sampled_from([b"A <a@b> 1 +0000", b"<", b">", b"latin1"]),
        )
    ),
    st.binary(max_size=100),
)
def test_no_bytes_are_too_odd(headers, message):
    record = parsed(b"".join(name + value + b"\n" for name, value in headers), message)
    for text in (record["authored_date"], record["committed_date"]):
        assert text is None or 1000 <= int(text[:4]) <= 9999
