"""Every service of every bundled plugin keeps to the number of connections that its settings allow."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroom.testing.miniature import Miniature

PLUGINS = ("smtp_server", "pop3_server", "imap4_server", "metrics")


@pytest.mark.parametrize("name", PLUGINS)
def test_connections_are_bounded_as_the_settings_say(name: str, tmp_path: Path) -> None:
    service = {"id": 1, "name": "One", "listen": ["127.0.0.1:0"], "max_connections": 7, "max_connections_per_address": 3}
    with Miniature(tmp_path, {name: {"services": [service]}}) as server:
        limits = server.services["One"].limits
    assert (limits.connections, limits.connections_per_address) == (7, 3)
