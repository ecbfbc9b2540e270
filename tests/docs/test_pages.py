"""What the hand-written pages show is true: configurations are valid, commands exist, code is that of the examples."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from postroom.cli.check import found
from postroom.cli.main import root
from postroom.config.core_sections import ServerSettings
from postroom.wire.certificates import self_signed
from tests.docs.pages import ROOT, Block, blocks, links, pages

SECTION = re.compile(r"^(?=[a-z_]+:)", re.MULTILINE)
LETSENCRYPT = "/etc/letsencrypt/live/mail.example.net/"
SHIPPED = {part.partition(":")[0]: part for part in SECTION.split((ROOT / "config.yaml").read_text("utf-8")) if part[:1].islower()}


def whole(block: Block) -> str:
    """A complete configuration: the block, and of the shipped one the sections that it does not have."""
    if block.remark == "complete":
        return block.text
    own = {part.partition(":")[0] for part in SECTION.split(block.text)}
    left_out = {"connections", "schedule"} if "plugins" in own else set()  # they name a sender of the shipped plugins
    return block.text + "".join(part for name, part in SHIPPED.items() if name not in own | left_out)


@pytest.mark.parametrize("block", blocks("yaml"), ids=lambda block: block.where)
def test_configurations_are_valid(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in re.findall(r"!env (\w+)", block.text):
        monkeypatch.setenv(name, "secret")
    monkeypatch.syspath_prepend(ROOT / "docs" / "examples" / "sender_list")
    (tmp_path / "provider-password.txt").write_text("secret\n")
    (tmp_path / "senders.txt").write_text("@junk.example\n")
    (tmp_path / "german.yaml").write_text("subject: {failure: Nicht zugestellt}\n")
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "stamp.py").write_text((ROOT / "docs" / "examples" / "stamp" / "stamp.py").read_text("utf-8"))
    text = whole(block)
    if LETSENCRYPT in text:
        made = self_signed(tmp_path, ServerSettings().hostname)
        text = re.sub(LETSENCRYPT + r"\w+\.pem", str(made), text)
    (tmp_path / "config.yaml").write_text(text)
    assert [str(problem) for kind in found(tmp_path / "config.yaml") for problem in kind] == []


def commands() -> list[tuple[str, str]]:
    """Every line with our command in the shell blocks and the tables, with its place."""
    in_blocks = [(block.where, line) for block in blocks("sh") for line in block.text.splitlines()]
    in_text = [
        (path.name, line)
        for path in pages()
        for line in re.findall(r"`((?:sudo )?postroom [^`]+)`", path.read_text("utf-8").replace("\n", " "))
    ]
    return [
        (where, line.removeprefix("sudo ")) for where, line in in_blocks + in_text if line.removeprefix("sudo ").startswith("postroom ")
    ]


@pytest.mark.parametrize(("where", "line"), commands())
def test_commands_exist_with_these_options(where: str, line: str) -> None:
    words = [word for word in shlex.split(line)[1:] if word != "…"]
    group: click.Command = root()
    context = click.Context(group, info_name="postroom")
    while isinstance(group, click.Group) and words and not words[0].startswith("-"):
        child = group.get_command(context, words.pop(0))
        assert child is not None, f"{where}: {line}"
        group, context = child, click.Context(child, info_name=child.name, parent=context)
    options = {name for parameter in group.params for name in (*parameter.opts, *parameter.secondary_opts)}
    assert [word for word in words if word.startswith("-") and word not in options] == []


@pytest.mark.parametrize("block", [block for block in blocks("python") if block.remark], ids=lambda block: block.where)
def test_code_is_that_of_the_examples(block: Block) -> None:
    file = ROOT / "docs" / block.remark.removeprefix("file: ")
    assert block.text == file.read_text("utf-8")


@pytest.mark.parametrize("page", pages(), ids=lambda path: path.name)
def test_links_lead_somewhere(page: Path) -> None:
    assert [link for link in links(page) if not (page.parent / link).exists()] == []


def test_the_flow_names_modules_that_exist() -> None:
    text = (ROOT / "docs" / "flow.md").read_text("utf-8")
    named = set(re.findall(r"`((?:[a-z_0-9]+/)+[a-z_0-9]*(?:\.py)?)`", text)) - {"plugins/", "core/postroom/"}
    assert len(named) > 20
    assert [name for name in named if not any((folder / name).exists() for folder in (ROOT / "core" / "postroom", ROOT / "plugins"))] == []


def test_every_page_is_in_the_index() -> None:
    index = set(links(ROOT / "docs" / "README.md"))
    here = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md", "benchmarks.md"}
    assert here <= index
