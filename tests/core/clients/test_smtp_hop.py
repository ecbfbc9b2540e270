"""Which connections are exchangeable: only those that were opened for the same server in the same way by the same login."""

from __future__ import annotations

from dataclasses import replace

import pytest

from postroom.clients.smtp.hop import Credentials, Encryption, NextHop

HOP = NextHop("mx.test", credentials=Credentials("ann", "secret"))


def test_equal_hops_share_their_connections() -> None:
    assert HOP.key == replace(HOP, settings="elsewhere").key


@pytest.mark.parametrize(
    "other",
    [
        replace(HOP, credentials=None),
        replace(HOP, credentials=Credentials("bob", "secret")),
        replace(HOP, credentials=Credentials("ann", "another")),
        replace(HOP, port=587),
        replace(HOP, encryption=Encryption.TLS),
        replace(HOP, verify=False),
        replace(HOP, ourselves=frozenset({"mail.example.test"})),
    ],
)
def test_hops_that_differ_do_not(other: NextHop) -> None:
    assert other.key != HOP.key
