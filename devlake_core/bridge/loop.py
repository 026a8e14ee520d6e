"""Wait in one thread for callers, children and signals: what a keeper and the service share."""

from __future__ import annotations

import contextlib
import functools
import os
import selectors
import signal
import socket
import time
import traceback
from typing import TYPE_CHECKING, Any

from . import wire
from .process import die_with, kill_session

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

_HANDLED: tuple[int, ...] = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT)
_LOOK_SECONDS = 0.5


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
    """Hear what is said on connections, be woken by signals, and look after children.

    Those who inherit from it say what is done with a message, and when a connection or a child
    has ended. What stands for a child has the time ``kill_at`` at which it is killed, or None.
    """

    def __init__(self) -> None:
        self.talks: list[Any] = []
        self.children: dict[int, Any] = {}
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

    def heard(self, talk: Any, message: dict[str, Any]) -> None:
        """Do what a message asks for."""
        raise NotImplementedError

    def ended(self, talk: Any) -> None:
        """Note that nothing more comes on a connection."""
        self.drop(talk)

    def died(self, child: Any, status: int, *, left: bool) -> None:
        """Note the end of a child.

        Args:
            child: what stood for it.
            status: its exit status; if a signal ended it, the signal's number below zero.
            left: whether something that it had started was still there, and was ended.
        """
        raise NotImplementedError

    @property
    def listening(self) -> bool:
        """Whether further connections are taken."""
        return self._listener is not None

    def listen(self, listener: socket.socket, path: str) -> None:
        """Take the connections of a listener; ``path`` is its socket's."""
        listener.setblocking(False)
        self._listener, self.path = listener, path
        self._file = identity(path)
        self.watch(listener.fileno(), self._accept)

    def deafen(self) -> None:
        """Take no further connection."""
        if self._listener is not None:
            if self.can_be_found():
                os.unlink(self.path)
            self.unwatch(self._listener.fileno())
            self._listener.close()
            self._listener = None

    def can_be_found(self) -> bool:
        """Say whether the socket's file is still there: people clean up temporary folders."""
        return self._file is not None and identity(self.path) == self._file

    def watch(self, number: int, react: Any) -> None:
        """Call ``react`` whenever there is something to read at a descriptor."""
        self._selector.register(number, selectors.EVENT_READ, react)

    def unwatch(self, number: int) -> None:
        """Look no more at a descriptor, if it was looked at."""
        with contextlib.suppress(KeyError):
            self._selector.unregister(number)

    def wake_on_signals(self) -> None:
        """Note the signals from now on; each ends the wait of a turn."""
        for number in _HANDLED:
            signal.signal(number, self._noted)
        signal.set_wakeup_fd(self._wakeup, warn_on_full_buffer=False)

    def turn(self) -> None:
        """Wait until something happens, but not long, and react to it."""
        now = time.monotonic()
        ends = [child.kill_at - now for child in self.children.values() if child.kill_at]
        for key, _ in self._selector.select(max(0.01, min([_LOOK_SECONDS, *ends]))):
            key.data()
        now = time.monotonic()
        for pid, child in list(self.children.items()):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                del self.children[pid]
                self.died(child, os.waitstatus_to_exitcode(status), left=kill_session(pid))
            elif child.kill_at and now >= child.kill_at:
                kill_session(pid)

    def take(self, connection: socket.socket) -> Talk:
        """Hear what is said on a connection."""
        talk = self.new_talk(connection)
        self.talks.append(talk)
        self.watch(connection.fileno(), functools.partial(self._hear, talk))
        return talk

    def drop(self, talk: Any) -> None:
        """End a connection, if it has not ended."""
        if talk in self.talks:
            self.talks.remove(talk)
            self.unwatch(talk.connection.fileno())
            for number in talk.lines.descriptors:
                os.close(number)
            talk.lines.descriptors.clear()
            talk.connection.close()

    def fork(self, child: Any, become: Callable[[], Any], death: int) -> int:
        """Fork a child in a session of its own, which does something and ends.

        Args:
            child: what stands for it here.
            become: what it does.
            death: the signal that it is sent when this process dies.

        Raises:
            OSError: there can be no further process.
        """
        parent = os.getpid()
        # A signal that follows at once must find the child's handlers, not ours.
        signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)
        try:
            pid = os.fork()
            if pid == 0:
                self._become(become, parent, death)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
        self.children[pid] = child
        return pid

    def _become(self, become: Callable[[], Any], parent: int, death: int) -> NoReturn:
        status = 70
        try:
            os.setsid()
            die_with(parent, death)
            self._release()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
            become()
            status = 0
        except BaseException:
            os.write(2, traceback.format_exc().encode())
        finally:
            os._exit(status)

    def _release(self) -> None:
        """Have nothing of this any more, in a child that goes its own way."""
        signal.set_wakeup_fd(-1)
        for number in _HANDLED:
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

    def _hear(self, talk: Any) -> None:
        if talk not in self.talks:
            return
        try:
            messages = talk.lines.read()
        except BlockingIOError:
            return
        except OSError:
            messages, talk.lines.ended = [], True
        for message in messages:
            if talk in self.talks:
                self.heard(talk, message)
        if talk.lines.ended and talk in self.talks:
            self.ended(talk)


def identity(path: str) -> tuple[int, int] | None:
    """Return what tells a file from others that have had its path; None if there is none."""
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
