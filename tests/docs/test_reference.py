"""The generated pages: complete, and what the code says now."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from docs.generate import main, outdated, write
from docs.pages import configuration, words
from docs.pages.hooks import heading
from postroom.cli.main import COMMANDS
from postroom.hookspecs import hooks

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"


def test_the_pages_in_the_tree_are_what_the_code_says() -> None:
    checked = subprocess.run([sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_every_hook_has_a_heading_with_its_exact_arguments() -> None:
    lines = (REFERENCE / "hooks.md").read_text("utf-8").splitlines()
    assert [name for name in hooks() if f"### {heading(name)}" not in lines] == []


def test_every_setting_has_a_description() -> None:
    settings = configuration.everything()
    assert len(settings) > 100
    assert [one.path for one in settings if not one.meaning] == []


def test_every_command_has_a_heading() -> None:
    lines = (REFERENCE / "commands.md").read_text("utf-8").splitlines()
    assert [name for name in COMMANDS if f"## postroom {name}" not in lines] == []


def test_a_changed_page_is_out_of_date(tmp_path: Path) -> None:
    write(tmp_path)
    assert outdated(tmp_path) == []
    with (tmp_path / "hooks.md").open("a") as page:
        page.write("more")
    assert outdated(tmp_path) == [tmp_path / "hooks.md"]


def test_an_unknown_option_is_wrong_usage() -> None:
    assert main(["--no-such-option"]) == 2


def test_durations_sizes_and_schedules_are_written_as_in_the_configuration() -> None:
    assert [words.duration(seconds) for seconds in (0, 0.5, 90, 3600, 5400, 432000)] == ["0s", "500ms", "90s", "1h", "90m", "5d"]
    assert [words.size(count) for count in (100, 2048, 50 << 20)] == ["100", "2KB", "50MB"]
    assert words.schedule((60.0, 300.0, 300.0, 3600.0)) == "1m, 5m*2, 1h"
