"""Where the program starts and ends: one clear message for each failure, and its exit code."""

from __future__ import annotations

import faulthandler
import os
import sys
import traceback
from typing import TYPE_CHECKING, NoReturn

import click

from devlake_core.errors import Cancelled, DevlakeError, OutputError

from .output import printable
from .root import root
from .session import Session
from .streams import redacted

if TYPE_CHECKING:
    from collections.abc import Sequence

BUG, CANCELLED = 70, 130


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit.

    Args:
        arguments: the words after the program's name; those of the process where left out.
    """
    # A plugin that crashes the interpreter leaves at least a trace of where it was.
    faulthandler.enable()
    sys.exit(status(sys.argv[1:] if arguments is None else arguments))


def status(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code."""
    session = Session()
    try:
        with redacted():
            return _called(session, arguments)
    except OutputError as error:
        _close_output()
        if error.message:
            sys.stderr.write(f"error: {error.message}\n")
        return error.exit_code
    finally:
        session.close()


def _called(session: Session, arguments: Sequence[str]) -> int:
    try:
        code = root.main(list(arguments), prog_name="devlake", standalone_mode=False, obj=session)
        sys.stdout.flush()
    except OutputError:
        raise
    except DevlakeError as error:
        return _tell(error.message or type(error).__name__, error.hint, error.exit_code, session)
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "devlake"
        return _tell(error.format_message(), f"{path} --help", error.exit_code, session)
    except click.ClickException as error:
        return _tell(error.format_message(), "", error.exit_code, session)
    except (click.Abort, KeyboardInterrupt) as error:
        # click makes an Abort of what interrupted us, for that is a KeyboardInterrupt too.
        cause = error.__cause__
        if isinstance(cause, Cancelled):
            return _tell(cause.message, cause.hint, cause.exit_code, session)
        sys.stderr.write("\n")
        return _tell(Cancelled("stopped").message, "", CANCELLED, session)
    except Exception as error:
        # It may well quote a plugin or a tool; the filter around stderr has seen all secrets.
        message = f"{type(error).__name__}: {error}"
        hint = "this is a mistake in devlake_core: run again with --debug and report it"
        return _tell(message, hint, BUG, session)
    return code if isinstance(code, int) else 0


def _tell(message: str, hint: str, code: int, session: Session) -> int:
    """Write why it failed, and return the exit code."""
    if session.debug:
        sys.stderr.write(traceback.format_exc())
    sys.stderr.write(f"error: {printable(message)}\n")
    if hint:
        sys.stderr.write(f"→ {printable(hint)}\n")
    return code


def _close_output() -> None:
    """Let nothing be flushed at exit into a pipe that nobody reads."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        # No descriptor at all: nothing to close.
        return


if __name__ == "__main__":
    main()
