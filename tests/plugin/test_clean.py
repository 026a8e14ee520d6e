from __future__ import annotations

import pytest

from devlake_core.plugin.clean import clean


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("two\nlines\there", "two lines here"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("a\u202eevil\u202c", "aevil"),
        ("zero\u200bwidth", "zerowidth"),
        ("bell\x07\x00", "bell"),
        ("schön", "schön"),
        (None, "None"),
    ],
)
def test_text_of_a_guest_cannot_move_the_cursor_or_turn_the_line(text, shown):
    assert clean(text) == shown


def test_a_megabyte_becomes_one_short_line_with_an_ellipsis():
    shown = clean("x" * 1_000_000, 50)
    assert len(shown) == 50
    assert shown.endswith("…")
