"""Writes the pages in ``docs/reference`` from the code; ``--check`` writes nothing and exits 1 when one is out of date."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(ROOT), str(ROOT / "core"), str(ROOT / "plugins")]  # the code of this tree, whatever is installed

from docs.pages import commands, configuration, hooks, report_texts, values  # noqa: E402

PAGES: dict[str, Callable[[], str]] = {
    "configuration.md": configuration.page,
    "commands.md": commands.page,
    "hooks.md": hooks.page,
    "values.md": values.page,
    "report-texts.yaml": report_texts.page,
}


def outdated(folder: Path) -> list[Path]:
    """The pages in ``folder`` that differ from what the code says now."""
    return [folder / name for name, page in PAGES.items() if not (folder / name).exists() or (folder / name).read_text("utf-8") != page()]


def write(folder: Path) -> None:
    """Write all pages."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")


def main(arguments: list[str]) -> int:
    """The exit status."""
    folder = HERE / "reference"
    if arguments == ["--check"]:
        old = outdated(folder)
        for path in old:
            print(f"{path.relative_to(ROOT)} is out of date: run `make docs`", file=sys.stderr)
        return 1 if old else 0
    if arguments:
        print("usage: docs/generate.py [--check]", file=sys.stderr)
        return 2
    write(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
