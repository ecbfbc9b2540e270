"""The name of a server among those that share a database."""

from __future__ import annotations

from pathlib import Path

from postroom.node import node


def test_a_server_keeps_its_name(tmp_path: Path) -> None:
    assert node(tmp_path / "data") == node(tmp_path / "data")
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["node"]


def test_two_servers_on_machines_of_one_name_differ(tmp_path: Path) -> None:
    """Both have /var/lib/postroom, and both machines are called localhost."""
    assert node(tmp_path / "one") != node(tmp_path / "two")
