"""Early talkers at a listening server that makes them wait."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.server import serving


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    service = {"id": 1, "name": "patient", "listen": ["127.0.0.1:0"], "greeting_pause": "500ms"}
    changes = {"access": [{"allow": "loopback"}], "plugins": {"smtp_server": {"services": [service]}}}
    with serving(tmp_path_factory.mktemp("patience"), changes) as server:
        yield server.ports["patient"]


def test_who_cannot_wait_for_the_greeting_is_sent_away(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 10) as sock, sock.makefile("rb") as answers:
        sock.sendall(b"EHLO client.example\r\n")
        assert answers.read() == b"554 5.5.0 You must wait for the greeting\r\n"
