"""``postroom check --schema``: editors find right what the program finds right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from postroom.cli.json_schema import json_schema
from tests.docs.pages import ROOT, Block, blocks
from tests.server import BASE

SCHEMA = json_schema()


class Reader(yaml.SafeLoader):
    """Reads !env NAME and !file PATH as texts."""


Reader.add_multi_constructor("!", lambda loader, suffix, node: node.value)


def faults(data: object, schema: Any = SCHEMA) -> list[str]:
    """What an editor would mark."""
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(data)]


def with_defaults(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every part of the schema that has a default, with its place."""
    for key, part in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        if isinstance(part, dict) and "default" in part and "description" in part:
            yield f"{path}/{key}", part
        yield from with_defaults(part, f"{path}/{key}")


def test_it_is_a_json_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_it_accepts_the_shipped_configuration() -> None:
    assert faults(yaml.load((ROOT / "config.yaml").read_text("utf-8"), Reader)) == []
    assert faults(BASE) == []


@pytest.mark.parametrize("block", blocks("yaml"), ids=lambda block: block.where)
def test_it_accepts_the_configurations_of_the_documents(block: Block) -> None:
    assert faults(yaml.load(block.text, Reader)) == []


def test_every_default_is_what_could_be_written_there() -> None:
    found = [(path, part) for path, part in with_defaults(SCHEMA["$defs"]) if part["default"] is not None]
    assert len(found) > 100
    assert [path for path, part in found if faults(part["default"], {**part, "$defs": SCHEMA["$defs"]})] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"server": {"hostnme": "x"}},
        {"database": {"pool": "many"}},
        {"plugins": {"smtp_server": {"services": [{"id": 1, "name": "S", "listen": ["127.0.0.1:25"], "auth": "sometimes"}]}}},
        {"queue": {"give_up": 5}},
    ],
)
def test_it_marks_what_is_wrong(wrong: dict[str, Any]) -> None:
    assert faults(wrong)
