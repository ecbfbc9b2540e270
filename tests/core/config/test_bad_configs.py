"""Every file in tests/bad_configs says in its first comment lines which problems it has; FOLDER stands for where the file is."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroom.config.load import ConfigError
from postroom.plugins import read

FOLDER = Path(__file__).resolve().parents[2] / "bad_configs"
FILES = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_bad_configuration_gives_all_the_errors_of_its_first_lines(file: Path) -> None:
    wanted = [line.removeprefix("# ") for line in file.read_text().splitlines() if line.startswith("# ")]
    with pytest.raises(ConfigError) as caught:
        read(file)
    assert [str(problem).removeprefix(f"{file}:").replace(str(FOLDER), "FOLDER") for problem in caught.value.problems] == wanted


def test_there_are_bad_configurations() -> None:
    assert FILES
