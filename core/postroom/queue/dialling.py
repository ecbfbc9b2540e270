"""Commands that make and end a dial-up connection, or whatever a connection needs before and after it runs."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import suppress

KEPT = 2000  # bytes of what a command prints that are told when it fails


class DialFailed(Exception):
    """The command could not be run, took too long or said no; the text tells which and what it printed."""


def run(command: str, connection: str, timeout: float) -> None:
    """Run ``command`` (words as in a shell, but no shell) and wait for its end at most ``timeout`` seconds. Raises DialFailed.

    It finds the name of the connection in POSTROOM_CONNECTION.
    """
    environment = {**os.environ, "POSTROOM_CONNECTION": connection}
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(  # noqa: S603 - the administrator's own command
                shlex.split(command), stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, start_new_session=True
            )
        except (OSError, ValueError) as error:
            raise DialFailed(f"{command}: cannot be run: {error}") from error
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise DialFailed(f"{command}: took more than {timeout:g} seconds") from None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # with what it has started
                process.wait()
        if status:
            output.seek(max(0, output.tell() - KEPT))
            said = output.read(KEPT).decode("utf-8", "replace").strip()
            raise DialFailed(f"{command}: ended with status {status}" + (f": {said}" if said else ""))


def dial(command: str, connection: str, timeout: float, retries: int, interval: float, sleep: Callable[[float], object]) -> None:
    """The same, tried again ``retries`` times with ``interval`` seconds between. Raises the last DialFailed."""
    for attempt in range(retries + 1):
        try:
            run(command, connection, timeout)
        except DialFailed:
            if attempt == retries:
                raise
            sleep(interval)
        else:
            return
