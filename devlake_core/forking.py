"""Open nothing that a fork would share in a process that forks for each call.

Two processes that use one connection of a database or one TLS session garble what both say. So
whoever opens such things asks here first, and a process that has loaded plugins only in order to
fork says so.
"""

from __future__ import annotations

from .errors import DevlakeError

refused: list[str] = []
"""What was asked for in vain."""

_forks = False


def begin() -> None:
    """Note that this process forks from now on."""
    global _forks
    _forks = True


def end() -> None:
    """Note that this process forks no more: it was forked to do a call."""
    global _forks
    _forks = False


def check(what: str) -> None:
    """Refuse to open something in a process that forks.

    Args:
        what: what is opened: "a database".

    Raises:
        DevlakeError: this process forks.
    """
    if _forks:
        refused.append(what)
        message = f"{what} is opened while the plugin is imported"
        raise DevlakeError(message, hint="open it when it is used: each call is a process then")
