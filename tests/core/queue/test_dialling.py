"""Commands before and after a connection: run without a shell, within a time, and told in words when they fail."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from postroom.queue.dialling import DialFailed, dial, run


def python(code: str) -> str:
    return f'{sys.executable} -c "{code}"'


def test_a_command_knows_its_connection(tmp_path: Path) -> None:
    run(python(f"import os; open('{tmp_path}/name', 'w').write(os.environ['POSTROOM_CONNECTION'])"), "Internet", 30)
    assert (tmp_path / "name").read_text() == "Internet"


def test_a_command_that_fails_is_told_with_what_it_printed() -> None:
    with pytest.raises(DialFailed, match="ended with status 3: no carrier"):
        run(python("import sys; print('no carrier'); sys.exit(3)"), "Internet", 30)


def test_a_command_that_is_not_there_is_told() -> None:
    with pytest.raises(DialFailed, match="cannot be run"):
        run("/nowhere/dial", "Internet", 30)


def test_a_command_that_takes_too_long_is_ended() -> None:
    with pytest.raises(DialFailed, match="took more than"):
        run(python("import time; time.sleep(600)"), "Internet", 0.2)


def test_a_command_that_takes_too_long_is_ended_with_what_it_has_started(tmp_path: Path) -> None:
    script, child = tmp_path / "dial", tmp_path / "child"
    script.write_text(f"#!/bin/sh\nsleep 600 &\necho $! > {child}.new\nmv {child}.new {child}\nwait\n")
    script.chmod(0o755)
    for seconds in (0.3, 3, 30):  # a loaded machine may need longer to begin
        with pytest.raises(DialFailed, match="took more than"):
            run(str(script), "Internet", seconds)
        if child.exists():
            break
    state = Path("/proc") / child.read_text().strip() / "stat"
    until = time.monotonic() + 20
    while state.exists() and state.read_text().split()[2] != "Z" and time.monotonic() < until:
        time.sleep(0.01)
    assert time.monotonic() < until


def test_no_shell_is_between() -> None:
    with pytest.raises(DialFailed):
        run("true; false", "Internet", 30)


def test_dialling_is_tried_again_after_a_while(tmp_path: Path) -> None:
    slept: list[float] = []
    once = python(f"import sys, pathlib; p = pathlib.Path('{tmp_path}/tried'); there = p.exists(); p.touch(); sys.exit(not there)")
    dial(once, "Internet", 30, retries=2, interval=7, sleep=slept.append)
    assert slept == [7]


def test_dialling_ends_after_the_last_try() -> None:
    slept: list[float] = []
    with pytest.raises(DialFailed):
        dial("false", "Internet", 30, retries=2, interval=7, sleep=slept.append)
    assert slept == [7, 7]
