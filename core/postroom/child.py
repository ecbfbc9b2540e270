"""Child processes of the supervisor: how one begins, and how one is waited for."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Callable

import gevent
from gevent import monkey
from gevent._hub_local import get_hub_if_exists

fork = monkey.get_original("os", "fork")
waitpid = monkey.get_original("os", "waitpid")
close = monkey.get_original("os", "close")  # gevent's waits for a turn of the hub, and the supervisor's never has one

SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD}  # blocked in the supervisor, which waits for them
SUPERVISORS = (signal.SIGINT, signal.SIGHUP)  # a terminal and `pkill` send these to the whole group; the supervisor decides


def begin(function: Callable[[], int]) -> int:
    """Fork a child that runs ``function`` and leaves with its status; its process id. Raises OSError when the system has no room for it."""
    pid: int = fork()
    if pid == 0:
        _become(function)
    return pid


def finished(pid: int) -> tuple[int, int] | None:
    """The process id and exit status (minus the signal) of this child, or of any with -1; None when none has ended. Does not wait."""
    try:
        found, status = waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None
    return (found, os.waitstatus_to_exitcode(status)) if found else None


def send(pid: int, number: int) -> None:
    """Send a signal; a process that is gone does not matter."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def end(pid: int) -> None:
    """Kill a child and wait until it is gone."""
    send(pid, signal.SIGKILL)
    waitpid(pid, 0)


def _become(function: Callable[[], int]) -> None:
    """In a fresh child: run ``function`` and leave with its status; never returns."""
    status = 1
    try:
        for number in SUPERVISORS:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        _renew_hub()
        status = function()
    except BaseException:  # the top of a process
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _renew_hub() -> None:
    """Let a hub that came along from the parent notice the fork now: it forgets what its thread pool was given before that."""
    if get_hub_if_exists() is not None:
        gevent.reinit()
        gevent.sleep(0.001)  # a whole turn of the loop
