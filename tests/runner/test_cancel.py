"""What hears Ctrl-C and SIGTERM."""

import os
import signal
import threading
import time

import pytest

from devlake_core.errors import Cancelled
from devlake_core.runner import cancel as module
from devlake_core.runner.cancel import Cancel


@pytest.fixture
def cancel(monkeypatch):
    # Nothing is interrupted by the clock unless a test wants it, however slow the machine is.
    monkeypatch.setattr(module, "GRACE", 60)
    monkeypatch.setattr(module, "_AGAIN", 60)
    made = Cancel()
    yield made
    made.close()


def soon(seconds, number):
    timer = threading.Timer(seconds, os.kill, (os.getpid(), number))
    timer.start()
    return timer


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_pause(cancel, number):
    with cancel.heard():
        timer = soon(0.1, number)
        began = time.monotonic()
        assert cancel.sleep(600)
        assert time.monotonic() - began < 60
        with pytest.raises(Cancelled) as raised:
            cancel.check()
        timer.join()
    assert raised.value.exit_code == 128 + number


def test_without_a_signal_a_pause_has_its_length(cancel):
    with cancel.heard():
        assert not cancel.sleep(0.05)
        cancel.check()


def test_code_that_never_looks_is_interrupted_after_the_grace(cancel, monkeypatch):
    monkeypatch.setattr(module, "GRACE", 0.2)
    began = time.monotonic()
    with cancel.heard():
        timer = soon(0.1, signal.SIGTERM)
        with pytest.raises(Cancelled):
            time.sleep(600)
        timer.join()
    assert time.monotonic() - began < 60


def test_a_second_signal_interrupts_at_once(cancel):
    with cancel.heard():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(Cancelled):
            os.kill(os.getpid(), signal.SIGINT)


def test_what_is_held_is_not_interrupted(cancel, monkeypatch):
    monkeypatch.setattr(module, "GRACE", 0.05)
    note, heard = cancel._note, []

    def noting(number, frame):
        heard.append(number)
        note(number, frame)

    monkeypatch.setattr(cancel, "_note", noting)
    with cancel.heard(), cancel.held():
        os.kill(os.getpid(), signal.SIGTERM)
        deadline = time.monotonic() + 60
        while len(heard) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
    assert heard == [signal.SIGTERM, signal.SIGTERM]  # the second one is the watcher's
    assert cancel.signal == signal.SIGTERM


def test_what_a_stopped_run_has_left_to_do_is_not_interrupted(cancel):
    with cancel.heard():
        cancel.rest()
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):  # no signal had come: nothing was left to do
            os.kill(os.getpid(), signal.SIGTERM)
        cancel.rest()
        os.kill(os.getpid(), signal.SIGTERM)
    assert cancel.signal == signal.SIGTERM


def test_handlers_are_as_before_afterwards_and_inner_blocks_leave_them(cancel):
    before = signal.getsignal(signal.SIGTERM)
    with cancel.heard():
        ours = signal.getsignal(signal.SIGTERM)
        with cancel.heard():
            pass
        assert signal.getsignal(signal.SIGTERM) == ours != before
    assert signal.getsignal(signal.SIGTERM) == before
    with cancel.heard():
        assert not cancel.sleep(0.01)


def test_in_another_thread_nothing_is_handled(cancel):
    found = []

    def look():
        with cancel.heard():
            found.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [before]
