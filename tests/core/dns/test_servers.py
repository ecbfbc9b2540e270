"""Which servers are asked, and whose word on DNSSEC counts."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import NoReturn

import dns.name
import pytest
from pydantic import ValidationError

from postroom.config.core_sections import DnsSettings
from postroom.dns import DnsFailure, Resolver
from postroom.dns.asking import Questioner
from postroom.dns.servers import DnsServer, SystemServers, Trust, from_resolv_conf, named
from tests.nameserver import NameServer
from tests.shortages import without_descriptors

CONF = (
    "# written by hand\n; so\nsearch example.test\nnameserver 192.0.2.53\nnameserver ::1\nnameserver nonsense\noptions ndots:2 {options}\n"
)


def test_servers_are_named_with_and_without_port() -> None:
    servers = named(["192.0.2.53", "192.0.2.53:5353", "[2001:db8::53]:54", "2001:db8::53"], "auto")
    assert [(one.address, one.port) for one in servers] == [
        *(("192.0.2.53", 53), ("192.0.2.53", 5353), ("2001:db8::53", 54), ("2001:db8::53", 53)),
    ]


@pytest.mark.parametrize(
    ("trust", "trusted"),
    [("auto", [False, True, True, False]), (True, [True] * 4), (False, [False] * 4)],
)
def test_servers_of_this_machine_are_trusted_by_themselves(trust: Trust, trusted: list[bool]) -> None:
    """But for Docker's 127.0.0.11, which only passes on what others say."""
    servers = named(["192.0.2.53", "127.0.0.53", "::1", "127.0.0.11"], trust)
    assert [one.trusted for one in servers] == trusted


def test_the_system_names_servers_in_resolv_conf() -> None:
    assert from_resolv_conf(CONF.format(options=""), "auto") == (DnsServer("192.0.2.53"), DnsServer("::1", trusted=True))


def test_resolv_conf_may_say_that_they_are_trusted() -> None:
    assert all(one.trusted for one in from_resolv_conf(CONF.format(options="trust-ad"), "auto"))
    assert not any(one.trusted for one in from_resolv_conf(CONF.format(options="trust-ad"), False))


def test_without_a_word_it_is_a_server_of_this_machine(tmp_path: Path) -> None:
    assert from_resolv_conf("", "auto") == (DnsServer("127.0.0.1", trusted=True),)
    assert SystemServers("auto", tmp_path / "missing").current() == (DnsServer("127.0.0.1", trusted=True),)


def test_a_changed_resolv_conf_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    path.write_text("nameserver 192.0.2.1\n")
    servers = SystemServers("auto", path)
    assert servers.current() == (DnsServer("192.0.2.1"),)
    path.unlink()
    path.write_text("nameserver 192.0.2.2\n")
    assert servers.current() == (DnsServer("192.0.2.2"),)


def test_a_resolv_conf_that_cannot_be_opened_for_want_of_descriptors_does_not_make_this_machine_the_server(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    path.write_text("nameserver 192.0.2.1\n")
    servers = SystemServers("auto", path)
    with without_descriptors(), pytest.raises(OSError, match="Too many open files"):
        servers.current()
    assert servers.current() == (DnsServer("192.0.2.1"),)
    os.utime(path, ns=(1, 1))
    with without_descriptors():
        assert servers.current() == (DnsServer("192.0.2.1"),)
    path.write_text("nameserver 192.0.2.2\n")
    assert servers.current() == (DnsServer("192.0.2.2"),)


def test_then_questions_cannot_be_asked() -> None:
    def none() -> NoReturn:
        raise OSError(errno.EMFILE, "Too many open files")

    with pytest.raises(DnsFailure) as caught:
        Questioner(none, 1.0).ask(dns.name.from_text("a.test"), "MX")
    assert caught.value.local


# --- settings


def test_the_section_dns_says_who_is_asked_and_who_is_believed() -> None:
    with NameServer({"a.test": {"TXT": ["x"]}}, secure=["*"]) as server:
        for trust, secure in (("auto", True), (True, True), (False, False)):
            settings = DnsSettings(servers=[server.address], trust_ad=trust)
            assert Resolver.configured(settings).txt("a.test").secure is secure
        assert Resolver.configured(DnsSettings(servers=["127.0.0.1:9"]), [server.address]).txt("a.test").records == ("x",)


def test_a_small_cache_forgets() -> None:
    with NameServer({f"{n}.test": {"TXT": ["x"]} for n in range(101)}) as server:
        resolver = Resolver.configured(DnsSettings(servers=[server.address], cache_size=100))
        for number in (*range(101), 100, 0):
            resolver.txt(f"{number}.test")
        assert (server.counts["100.test", "TXT"], server.counts["0.test", "TXT"]) == (1, 2)


@pytest.mark.parametrize("values", [{"trust_ad": "maybe"}, {"cache_size": 5}, {"cache_size": 0}])
def test_settings_of_dns_that_mean_nothing_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        DnsSettings(**values)
