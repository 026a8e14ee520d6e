"""Where an error was raised: the line that its author has to look at."""

from __future__ import annotations

import os
import sys
from traceback import walk_tb

_OURS = os.path.dirname(__file__) + os.sep
_GUARD = os.path.join(_OURS, "plugin", "guard.py")
_LONGEST = 300


def place(error: BaseException) -> str:
    """Return file and line, in brackets after a space; nothing where they are not known.

    Of a guest's code it is the last line that was running, not one of a library that it called or
    of ours; where no guest's code was running, the line that raised.
    """
    frames = [
        (str(frame.f_globals.get("__name__", "")).partition(".")[0], frame.f_code.co_filename, line)
        for frame, line in walk_tb(error.__traceback__)
    ]
    theirs = [
        frame
        for frame in frames
        if not frame[1].startswith(_OURS) and frame[0] not in sys.stdlib_module_names
    ]
    # The first of them is whom we called; what it called in turn is not at fault.
    _, file, line = next(
        (frame for frame in reversed(theirs) if frame[0] == theirs[0][0]),
        frames[-1] if frames else ("", _GUARD, 0),
    )
    # A module that is not there, or a text that is no Python, was raised by the import itself.
    if isinstance(error, SyntaxError) or file == _GUARD or file.startswith("<frozen importlib"):
        return ""
    name = "".join(char if char.isprintable() else "?" for char in file[:_LONGEST])
    return f" (line {line} of {name})"
