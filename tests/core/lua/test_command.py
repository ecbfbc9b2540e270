"""``postroom lua check`` and ``postroom lua run``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from postroom.cli.main import run


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration beside an empty directory of scripts, which is returned."""
    path = tmp_path / "config.yaml"
    path.write_text("lua: {directory: ./scripts, max_instructions: 100000}\n", encoding="utf-8")
    monkeypatch.setenv("POSTROOM_CONFIG", str(path))
    (tmp_path / "scripts").mkdir()
    return tmp_path / "scripts"


def test_check_prints_each_problem_with_file_and_line_and_fails(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (config / "bad.lua").write_text("x = 1\ny = = 2\n", encoding="utf-8")
    (config / "good.lua").write_text("x = 1\n", encoding="utf-8")
    assert run(["lua", "check"]) == 1
    assert capsys.readouterr().err == f"{config}/bad.lua:2: unexpected symbol near '='\n"


def test_check_of_good_scripts_says_so(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (config / "good.lua").write_text("x = 1\n", encoding="utf-8")
    assert run(["lua", "check"]) == 0
    assert capsys.readouterr().out == "1 scripts, no problems\n"
    assert run(["lua", "check", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"scripts": 1, "problems": []}


def test_check_without_a_directory_says_what_to_do(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.rmdir()
    assert run(["lua", "check"]) == 1
    assert "make it, or correct lua.directory" in capsys.readouterr().err


def test_run_calls_a_function_with_json_and_prints_json(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (config / "Test.lua").write_text("function f(a, b) print('seen', b) return {a.x, b, true} end function none() end", encoding="utf-8")
    assert run(["lua", "run", "test", "f", '{"x": 5}', "plain words"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == [5, "plain words", True]
    assert printed.err == "seen\tplain words\n"
    assert run(["lua", "run", "test.lua", "none"]) == 0
    assert json.loads(capsys.readouterr().out) is None


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["missing", "f"], "there is no script missing"),
        (["bad", "f"], "bad.lua:1: "),
        (["test", "F"], "test defines no function F"),
        (["test", "f"], "postroom: test.lua:1: no\n"),
        (["test", "loop"], "used too much: instructions"),
    ],
)
def test_run_says_in_one_line_what_is_wrong(config: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], text: str) -> None:
    (config / "bad.lua").write_text("=", encoding="utf-8")
    (config / "test.lua").write_text("function f() error('no') end function loop() while true do end end", encoding="utf-8")
    assert run(["lua", "run", *arguments]) == 1
    error = capsys.readouterr().err
    assert text in error
    assert error.count("\n") == 1
