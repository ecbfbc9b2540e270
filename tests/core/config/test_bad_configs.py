"""Every file in tests/bad_configs says in its first comment lines what is told of it; FOLDER stands for where the file is."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroom.config.document import Problem
from postroom.config.load import ConfigError, inspect
from postroom.plugins import examine

FOLDER = Path(__file__).resolve().parents[2] / "bad_configs"
FILES = sorted(FOLDER.glob("*.yaml"))


def first_lines(file: Path) -> list[str]:
    return [line.removeprefix("# ") for line in file.read_text().splitlines() if line.startswith("# ")]


def as_written(file: Path, problems: list[Problem]) -> list[str]:
    return [str(problem).removeprefix(f"{file}:").replace(str(FOLDER), "FOLDER") for problem in problems]


def told(file: Path) -> tuple[list[str], list[str]]:
    """The problems, and the notes."""
    loaded = inspect(file)
    problems: list[Problem] = []
    try:
        examine(loaded)
    except ConfigError as error:
        problems = error.problems
    return as_written(file, problems), as_written(file, sorted(loaded.notes))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_bad_configuration_gives_all_the_errors_and_notes_of_its_first_lines(file: Path) -> None:
    wanted = first_lines(file)
    problems, notes = told(file)
    assert problems == [line for line in wanted if ": note: " not in line]
    assert notes == [line for line in wanted if ": note: " in line]
    assert wanted


def test_there_are_bad_configurations() -> None:
    assert FILES
