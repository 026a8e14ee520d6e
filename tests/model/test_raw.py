"""Connection and scope are spelled as DevLake's server spells them: it deletes by that text."""

import json

import pytest

from devlake_core.errors import UsageError
from devlake_core.model import (
    domain_id,
    package_name,
    pydevlake_params,
    raw_data_params,
    raw_table_name,
)

# The scope id, and how Go 1.20's json.Marshal writes it (encoding/json, escapeHTML on).
VECTORS = [
    ("x", '"x"'),
    ("", '""'),
    ("owner/repo", '"owner/repo"'),
    ("a b", '"a b"'),
    ("ünï-日本-🦊", '"ünï-日本-🦊"'),
    ("R&D <core>", r'"R\u0026D \u003ccore\u003e"'),
    ("line\u2028sep\u2029", r'"line\u2028sep\u2029"'),
    ('say "hi"', r'"say \"hi\""'),
    ("back\\slash", r'"back\\slash"'),
    ("C:\\build\\form", r'"C:\\build\\form"'),
    ("\\\\b", r'"\\\\b"'),
    ("\b\f", r'"\u0008\u000c"'),
    ("\\\b", r'"\\\u0008"'),
    ("\n\r\t", r'"\n\r\t"'),
    ("\0\x01\x1b\x1f", r'"\u0000\u0001\u001b\u001f"'),
    ("\x7f\x80", '"\x7f\x80"'),
    ("\ufffd", '"\ufffd"'),
    # What has no UTF-8 form is read by Go's decoder as the replacement sign.
    ("\ud800", '"\ufffd"'),
    ("a\udfff!", '"a\ufffd!"'),
]


@pytest.mark.parametrize(("scope", "spelled"), VECTORS)
def test_params_are_those_of_gos_json(scope: str, spelled: str) -> None:
    assert raw_data_params(3, scope) == f'{{"ConnectionId":3,"ScopeId":{spelled}}}'


@pytest.mark.parametrize("scope", [scope for scope, _ in VECTORS if scope.isprintable()])
def test_params_are_json_of_the_scope(scope: str) -> None:
    assert json.loads(raw_data_params(3, scope)) == {"ConnectionId": 3, "ScopeId": scope}


def test_a_connection_that_was_never_saved_is_number_0() -> None:
    assert raw_data_params(None, "") == '{"ConnectionId":0,"ScopeId":""}'


def test_params_that_no_column_holds_are_refused() -> None:
    longest = 255 - len(raw_data_params(1, ""))
    assert len(raw_data_params(1, "x" * longest)) == 255
    with pytest.raises(UsageError, match="too long: 256 of 255"):
        raw_data_params(1, "x" * (longest + 1))
    with pytest.raises(UsageError, match="too long"):
        raw_data_params(1, "&" * 60)


def test_pydevlakes_spelling_is_pythons_compact_json() -> None:
    assert pydevlake_params(1, "é<") == '{"ConnectionId":1,"ScopeId":"\\u00e9<"}'


def test_names_of_raw_tables_and_packages() -> None:
    assert raw_table_name("shop", "issues") == "_raw_shop_issues"
    assert package_name("devlake_plugin_fine.streams.issues") == "fine"
    assert package_name("Some-Package.models") == "some_package"
    assert domain_id.__name__ == "domain_id"
