"""Wait in one thread for callers and signals: what a keeper and the service have in common."""

from __future__ import annotations

import contextlib
import functools
import os
import selectors
import signal
import socket
from typing import TYPE_CHECKING, Any

from . import wire

if TYPE_CHECKING:
    from collections.abc import Iterator

HANDLED: tuple[int, ...] = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT)


class Talk:
    """Be a connection with somebody who asks for something.

    Args:
        connection: the connection.
        descriptors: how many descriptors may come on it.
    """

    def __init__(self, connection: socket.socket, descriptors: int = 0) -> None:
        # What is answered fits into an empty buffer; who does not read it must not stop us.
        connection.setblocking(False)
        self.connection = connection
        self.lines = wire.Lines(connection, descriptors=descriptors)

    def say(self, data: bytes) -> None:
        """Say something to who is still there."""
        # That nobody is there is noticed when the connection ends.
        with contextlib.suppress(OSError):
            self.connection.send(data)


class Loop:
    """Hear what is said on connections, and be woken by signals.

    Those who inherit from it say what is done with a message, and when a connection has ended.
    """

    def __init__(self) -> None:
        self.talks: list[Talk] = []
        self.signal = 0
        self.path = ""
        self._listener: socket.socket | None = None
        self._file: tuple[int, int] | None = None
        self._wake, self._wakeup = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._selector = selectors.DefaultSelector()
        self.watch(self._wake, self._drain)

    def new_talk(self, connection: socket.socket) -> Talk:
        """Return what stands for a new connection."""
        return Talk(connection)

    def heard(self, talk: Talk, message: dict[str, Any]) -> None:
        """Do what a message asks for."""
        raise NotImplementedError

    def ended(self, talk: Talk) -> None:
        """Note that nothing more comes on a connection."""
        self.drop(talk)

    @property
    def listening(self) -> bool:
        """Whether further connections are taken."""
        return self._listener is not None

    def listen(self, listener: socket.socket, path: str) -> None:
        """Take the connections of a listener; ``path`` is its socket's."""
        listener.setblocking(False)
        self._listener, self.path = listener, path
        self._file = _identity(path)
        self.watch(listener.fileno(), self._accept)

    def deafen(self) -> None:
        """Take no further connection, nor any call that has not begun: its caller runs it cold."""
        if self._listener is not None:
            if self.can_be_found():
                os.unlink(self.path)
            self.unwatch(self._listener.fileno())
            self._listener.close()
            self._listener = None

    def can_be_found(self) -> bool:
        """Say whether the socket's file is still there: people clean up temporary folders."""
        return self._file is not None and _identity(self.path) == self._file

    def watch(self, number: int, react: Any) -> None:
        """Call ``react`` whenever there is something to read at a descriptor."""
        self._selector.register(number, selectors.EVENT_READ, react)

    def unwatch(self, number: int) -> None:
        """Look no more at a descriptor, if it was looked at."""
        with contextlib.suppress(KeyError):
            self._selector.unregister(number)

    @contextlib.contextmanager
    def woken(self) -> Iterator[None]:
        """Be woken by signals in the block."""
        before = {number: signal.signal(number, self._noted) for number in HANDLED}
        signal.set_wakeup_fd(self._wakeup, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(-1)
            for number, handler in before.items():
                signal.signal(number, handler)

    def turn(self, seconds: float) -> None:
        """Wait until something happens or the time is up, and react to it."""
        for key, _ in self._selector.select(seconds):
            key.data()

    def take(self, connection: socket.socket) -> Talk:
        """Hear what is said on a connection."""
        talk = self.new_talk(connection)
        self.talks.append(talk)
        self.watch(connection.fileno(), functools.partial(self._hear, talk))
        return talk

    def drop(self, talk: Talk) -> None:
        """End a connection, if it has not ended."""
        if talk in self.talks:
            self.talks.remove(talk)
            self.unwatch(talk.connection.fileno())
            for number in talk.lines.descriptors:
                os.close(number)
            talk.connection.close()

    def release(self) -> None:
        """Have nothing of this any more, in a child that goes its own way."""
        signal.set_wakeup_fd(-1)
        for number in HANDLED:
            signal.signal(number, signal.SIG_DFL)
        # Closed here, or else by objects that are found to be garbage when other files have
        # the same numbers.
        sockets = [talk.connection for talk in self.talks]
        if self._listener is not None:
            sockets.append(self._listener)
        for number in (*(item.detach() for item in sockets), self._wake, self._wakeup):
            os.close(number)
        self._selector.close()

    def _noted(self, number: int, _frame: Any) -> None:
        if number != signal.SIGCHLD:
            self.signal = number

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake, 4096)

    def _accept(self) -> None:
        if self._listener is None:
            return
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        if wire.same_user(connection, os.geteuid()):
            self.take(connection)
        else:
            connection.close()

    def _hear(self, talk: Talk) -> None:
        if talk not in self.talks:
            return
        try:
            messages = talk.lines.read()
        except BlockingIOError:
            return
        except (OSError, wire.Nonsense):
            messages, talk.lines.ended = [], True
        for message in messages:
            self.heard(talk, message)
        if talk.lines.ended and talk in self.talks:
            self.ended(talk)


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def listen(path: str) -> socket.socket:
    """Return a socket that listens at a path, in the place of one that nobody listens on."""
    listener = socket.socket(socket.AF_UNIX)
    # Bound under another name first: who finds it can connect.
    temporary = f"{path}.{os.getpid()}"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)
    listener.bind(temporary)
    listener.listen(128)
    os.rename(temporary, path)
    return listener
