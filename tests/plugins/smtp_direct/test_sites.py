"""What is remembered of the servers of domains."""

from __future__ import annotations

import pytest

from postroom_smtp_direct import sites
from postroom_smtp_direct.sites import KEEP, Sites


def test_a_domain_is_its_own_site_until_its_servers_are_known_and_when_that_is_long_ago() -> None:
    now = [0.0]
    known = Sites(lambda: now[0])
    assert known.of("d.test") == "d.test"
    known.learn("d.test", "mx.test")
    assert known.of("d.test") == "mx.test"
    now[0] = KEEP
    assert known.of("d.test") == "d.test"


def test_the_domains_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sites, "SIZE", 2)
    known = Sites(lambda: 0.0)
    for name in ("a", "b", "a", "c"):
        known.learn(name, "mx.test")
    assert [known.of(name) for name in ("a", "b", "c")] == ["mx.test", "b", "mx.test"]
