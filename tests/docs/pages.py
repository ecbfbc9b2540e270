"""The pages of docs/ as tests see them: fenced blocks with the remark before them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"(?:^<!-- (.+?) -->\n)?^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)(#[^)]*)?\)")


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    where: str  # "docs/getting-started.md:12"
    remark: str
    language: str
    text: str


def pages() -> list[Path]:
    """All pages written by hand."""
    return [ROOT / "README.md", *(path for path in sorted((ROOT / "docs").rglob("*.md")) if "reference" not in path.parts)]


def blocks(*languages: str) -> list[Block]:
    """The blocks in these languages on all pages."""
    return [block for path in pages() for block in _blocks(path) if block.language in languages]


def links(path: Path) -> Iterator[str]:
    """The files that a page links to."""
    return (match[1] for match in LINK.finditer(path.read_text("utf-8")))


def _blocks(path: Path) -> Iterator[Block]:
    text = path.read_text("utf-8")
    for match in BLOCK.finditer(text):
        line = text.count("\n", 0, match.start(3)) + 1
        yield Block(f"{path.relative_to(ROOT)}:{line}", match[1] or "", match[2], match[3])
