"""Without a socket to ask with, nothing is said about a name, and nothing kept."""

from __future__ import annotations

import pytest

from postroom.dns import DnsFailure, Resolver
from tests.nameserver import NameServer
from tests.shortages import without_descriptors


def test_a_question_that_cannot_be_asked_is_no_failure_of_the_dns_and_is_asked_again_at_once() -> None:
    with NameServer({"site.test": {"MX": ["10 mx.site.test."]}}) as names:
        resolver = Resolver([names.address])
        resolver.mx("site.test", fresh=True)  # what is loaded at the first use is there now
        resolver = Resolver([names.address])
        with without_descriptors(), pytest.raises(DnsFailure, match="Too many open files") as caught:
            resolver.mx("site.test")
        assert (caught.value.kind, caught.value.temporary, caught.value.local) == ("local", True, True)
        assert [one.host for one in resolver.mx("site.test").servers] == ["mx.site.test"]


def test_the_ways_of_the_system_cannot_be_gone_either() -> None:
    resolver = Resolver()
    with without_descriptors(), pytest.raises(DnsFailure, match="Too many open files") as caught:
        resolver.addresses("localhost")
    assert caught.value.local
    assert resolver.addresses("localhost")
