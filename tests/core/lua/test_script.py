"""Scripts on disk: found in any case, compiled once, reloaded when they change and compile."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from postroom.lua.engine import Engine
from postroom.lua.faults import ScriptError
from postroom.lua.runtime import Runtime
from postroom.lua.script import Problem, Scripts

ENGINE = Engine("5.2")


class Bench:
    """A directory of scripts, a clock that the test turns, and the problems that were told."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.now = directory, 0.0
        self.problems: list[Problem] = []
        self.scripts = Scripts(ENGINE, directory, on_problem=self.problems.append, clock=lambda: self.now)
        self.stamps = 1_000_000_000

    def write(self, name: str, text: str) -> None:
        path = self.directory / name
        path.write_text(text, encoding="utf-8")
        self.stamps += 1
        os.utime(path, (self.stamps, self.stamps))

    def answer(self, name: str = "test") -> object:
        """What the function ``f`` of the script returns now; None when there is no script."""
        code = self.scripts.find(name)
        if code is None:
            return None
        runtime = Runtime(ENGINE)
        runtime.run(code)
        return runtime.call("f")[0]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_script_is_found_in_any_case_and_with_or_without_its_ending(bench: Bench) -> None:
    bench.write("SMTPSVR.LUA", "function f() return 1 end")
    assert [bench.answer(name) for name in ("smtpsvr", "SmtpSvr.lua", "SMTPSVR.LUA")] == [1, 1, 1]


def test_a_missing_script_or_directory_is_none_and_may_come_later(bench: Bench, tmp_path: Path) -> None:
    assert bench.answer() is None
    assert Scripts(ENGINE, tmp_path / "nowhere").find("test") is None
    bench.write("test.lua", "function f() return 1 end")
    assert bench.answer() is None  # looked a moment ago
    bench.now += 1
    assert bench.answer() == 1


def test_a_changed_script_is_reloaded_after_a_second_at_the_latest(bench: Bench) -> None:
    bench.write("test.lua", "function f() return 1 end")
    assert bench.answer() == 1
    bench.write("test.lua", "function f() return 2 end")
    assert bench.answer() == 1
    bench.now += 1
    assert bench.answer() == 2


def test_a_script_that_stays_is_compiled_once(bench: Bench) -> None:
    bench.write("test.lua", "function f() return 1 end")
    code = bench.scripts.find("test")
    bench.now += 100
    assert bench.scripts.find("test") is code


def test_a_change_that_does_not_compile_leaves_the_running_script_and_is_told_once(bench: Bench) -> None:
    bench.write("test.lua", "function f() return 1 end")
    assert bench.answer() == 1
    bench.write("test.lua", "\nfunction f( return")
    for _ in range(3):
        bench.now += 1
        assert bench.answer() == 1
    assert [str(problem) for problem in bench.problems] == [f"{bench.directory}/test.lua:2: <name> or '...' expected near 'return'"]
    bench.write("test.lua", "function f() return 3 end")
    bench.now += 1
    assert bench.answer() == 3


def test_a_script_that_is_taken_away_is_gone(bench: Bench) -> None:
    bench.write("test.lua", "function f() return 1 end")
    assert bench.answer() == 1
    (bench.directory / "test.lua").unlink()
    bench.now += 1
    assert bench.answer() is None


@pytest.mark.parametrize("name", ["../secret", "a/b", "a\\b", "", ".", "..", ".hidden", "x\0y", "x" * 200])
def test_names_do_not_lead_out_of_the_directory(bench: Bench, name: str) -> None:
    (bench.directory.parent / "secret.lua").write_text("function f() return 'no' end", encoding="utf-8")
    assert bench.scripts.find(name) is None


def test_asking_for_many_names_does_not_fill_the_memory(bench: Bench) -> None:
    for number in range(3000):
        bench.scripts.find(f"name{number}")
    assert len(bench.scripts._known) <= 1000


def test_check_tells_every_problem_with_file_and_line(bench: Bench) -> None:
    bench.write("good.lua", "return 1")
    bench.write("b.lua", "x = = 1")
    bench.write("A.LUA", "\n\nif x then")
    bench.write("notes.txt", "not Lua")
    (bench.directory / "folder.lua").mkdir()
    assert [(problem.file.name, problem.line) for problem in bench.scripts.check()] == [("A.LUA", 3), ("b.lua", 1), ("folder.lua", 1)]


def test_marks_at_the_beginning_of_a_file_are_no_errors(bench: Bench) -> None:
    bench.write("test.lua", "\ufeff#!/usr/bin/lua\nfunction f() return 1 end")
    assert bench.answer() == 1


def test_a_script_that_is_too_large_is_a_problem() -> None:
    with pytest.raises(ScriptError, match=r"test\.lua: larger than"):
        ENGINE.compile(b"-" * (2 << 20), "test.lua")


def test_scripts_share_code_by_require(bench: Bench) -> None:
    bench.write("Common.lua", "return { name = 'common' }")
    bench.write("test.lua", "local common = require 'common' function f() return common.name end")
    runtime = Runtime(ENGINE, fetch=bench.scripts.find)
    code = bench.scripts.find("test")
    assert code is not None
    runtime.run(code)
    assert runtime.call("f") == ("common",)
