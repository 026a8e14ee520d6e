"""Text that a guest wrote, made fit to be shown."""

from __future__ import annotations

import re
import unicodedata

_ESCAPE = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC: titles, links
    r"|[\x1b\x9b]\[?[0-?]*[ -/]*[@-~]?"  # CSI: colours, cursor
)


def clean(text: object, limit: int = 200) -> str:
    """Return text on one line, without control, escape and direction characters.

    What a distribution or an exception says goes to terminals, logs and JSON; it must not move a
    cursor, reverse a line or fill a screen.

    Args:
        text: anything; taken as text.
        limit: the greatest length; what is cut off is marked by an ellipsis.
    """
    # The escape sequences of a megabyte of metadata are nobody's concern: cut first.
    plain = _ESCAPE.sub("", str(text)[: limit * 8])
    kept = "".join(
        " " if unicodedata.category(char) in {"Zl", "Zp", "Zs"} or char in "\t\r\n" else char
        for char in plain
        if char in "\t\r\n" or unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn"}
    )
    line = re.sub(" +", " ", kept).strip()
    return line if len(line) <= limit else line[: limit - 1] + "…"
