"""What a server must offer, by DANE, MTA-STS and REQUIRETLS together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from postroom.dns import DnsFailure, Exchangers, Mx, Resolver
from postroom.testing import FakeResolver
from postroom.tls_policy.demand import Level
from postroom.tls_policy.policies import DomainPolicy, Policies
from postroom.tls_policy.sts import StsPolicy
from postroom.tls_policy.sts_cache import Known
from tests.nameserver import NameServer, Records

KEY = bytes(32)
RECORD = (3, 1, 1, KEY)
HOSTS = {"mx.site.test": ["192.0.2.1"], "other.test": ["192.0.2.2"], "down.test": ["192.0.2.3"]}
ENFORCE = StsPolicy("enforce", ("mx.site.test",), 86400)
TESTING = StsPolicy("testing", ("mx.site.test",), 86400)


@dataclass
class Sts:
    """A cache of policies with one in it."""

    known: Known

    def current(self, domain: str) -> Known:
        return self.known


def policy(
    sts: StsPolicy | None = None, *, tlsa: bool = False, secure_mx: bool = False, records: Any = (RECORD,), trouble: str = ""
) -> DomainPolicy:
    names = {"_25._tcp.mx.site.test": records} if tlsa else {}
    resolver = FakeResolver(
        HOSTS, ["_25._tcp.down.test"], tlsa=names, secure=["mx.site.test", "_25._tcp.mx.site.test", "down.test"] if tlsa else []
    )
    exchangers = Exchangers((Mx(10, "mx.site.test"),), secure_mx, "site.test", 60.0)
    return Policies(resolver, Sts(Known(sts, trouble, "it is gone" if trouble else ""))).of("Site.test", exchangers)  # type: ignore[arg-type]


def test_without_any_policy_tls_is_used_where_it_is_offered() -> None:
    demand = policy().demand("mx.site.test")
    assert (demand.level, demand.encrypted, demand.sni) == (Level.OPPORTUNISTIC, False, "mx.site.test")
    assert (demand.facts.type, demand.facts.domain) == ("no-policy-found", "site.test")


def test_dane_demands_a_certificate_that_fits() -> None:
    demand = policy(tlsa=True, secure_mx=True).demand("mx.site.test")
    assert (demand.level, demand.sni, str(demand.tlsa[0])) == (Level.DANE, "mx.site.test", f"3 1 1 {KEY.hex()}")
    assert demand.names == ("mx.site.test", "site.test")
    assert (demand.facts.type, demand.facts.domain, demand.facts.lines) == ("tlsa", "mx.site.test", (f"3 1 1 {KEY.hex()}",))


def test_dane_can_be_switched_off() -> None:
    resolver = FakeResolver(HOSTS, tlsa={"_25._tcp.mx.site.test": [RECORD]}, secure=["*"])
    assert Policies(resolver, None, dane=False).of("site.test", None).demand("mx.site.test").level == Level.OPPORTUNISTIC
    assert resolver.asked == []


def test_records_that_are_of_no_use_still_demand_encryption() -> None:
    """RFC 7672 section 2.2."""
    demand = policy(tlsa=True, records=[(0, 1, 1, KEY)]).demand("mx.site.test")
    assert (demand.level, demand.facts.type) == (Level.ENCRYPT, "tlsa")
    assert demand.invalid == demand.facts


def test_a_server_whose_records_cannot_be_looked_up_is_not_used() -> None:
    """RFC 7672 section 2.1.2: else it would be enough to suppress the answer."""
    demand = policy(tlsa=True).demand("down.test")
    assert (demand.level, demand.result) == (Level.NEVER, "dnssec-invalid")
    assert "cannot be looked up" in demand.reason


@pytest.mark.parametrize("kind", ["TLSA", "CNAME", "A"])
def test_records_that_cannot_be_asked_for_now_are_neither_absent_nor_an_attack(kind: str) -> None:
    class Short(FakeResolver):
        def lookup(self, name: str, asked: str, *, fresh: bool = False) -> Any:
            if asked == kind:
                raise DnsFailure("no socket", temporary=True, kind="local")
            found = super().lookup(name, asked, fresh=fresh)
            return replace(found, name="host.pool.test", secure=False) if kind == "CNAME" else found

    known = Policies(Short(HOSTS, secure=["*"]), None).of("site.test", None)
    with pytest.raises(DnsFailure) as caught:
        known.demand("mx.site.test")
    assert caught.value.local


def test_an_alias_of_which_nobody_can_tell_whether_it_is_signed_is_no_reason_to_do_without_dane() -> None:
    """RFC 7672 section 2.1.3: whoever can suppress the answer must not switch off DANE by that."""

    class Blocked(FakeResolver):
        def lookup(self, name: str, asked: str, *, fresh: bool = False) -> Any:
            if asked == "CNAME":
                raise DnsFailure("no answer", temporary=True)
            return replace(super().lookup(name, asked, fresh=fresh), name="host.pool.test", secure=False)

    with pytest.raises(DnsFailure):
        Policies(Blocked(HOSTS), None).of("site.test", None).demand("mx.site.test")


def test_a_host_without_an_address_is_a_failure_of_the_dns() -> None:
    with pytest.raises(DnsFailure):
        policy().demand("nowhere.test")


def test_an_address_in_place_of_a_name_has_no_records() -> None:
    assert policy().demand("192.0.2.1").level == Level.OPPORTUNISTIC


# --- MTA-STS


def test_sts_demands_a_certificate() -> None:
    demand = policy(ENFORCE).demand("mx.site.test")
    assert (demand.level, demand.testing, demand.names) == (Level.CERTIFICATE, False, ("mx.site.test",))
    assert (demand.facts.type, demand.facts.mx) == ("sts", ("mx.site.test",))


def test_sts_allows_no_other_servers() -> None:
    demand = policy(ENFORCE).demand("other.test")
    assert (demand.level, demand.testing, demand.result) == (Level.NEVER, False, "validation-failure")


@pytest.mark.parametrize(("host", "level"), [("mx.site.test", Level.CERTIFICATE), ("other.test", Level.NEVER)])
def test_in_testing_everything_is_noted_and_nothing_is_refused(host: str, level: Level) -> None:
    demand = policy(TESTING).demand(host)
    assert (demand.level, demand.testing) == (level, True)
    assert demand.relaxed("testing").level == Level.OPPORTUNISTIC
    assert demand.relaxed("testing").facts == demand.facts


def test_a_policy_of_mode_none_is_none() -> None:
    assert policy(StsPolicy("none", (), 86400)).demand("other.test").level == Level.OPPORTUNISTIC


def test_dane_decides_about_the_certificate_where_there_are_both() -> None:
    """RFC 8461 section 2."""
    assert policy(ENFORCE, tlsa=True).demand("mx.site.test").level == Level.DANE
    assert policy(TESTING, tlsa=True).demand("mx.site.test").testing is False


def test_a_server_that_sts_does_not_allow_is_not_made_good_by_its_own_records() -> None:
    elsewhere = StsPolicy("enforce", ("mx.elsewhere.test",), 86400)
    assert policy(elsewhere, tlsa=True).demand("mx.site.test").level == Level.NEVER


def test_records_of_no_use_leave_the_say_to_sts() -> None:
    demand = policy(ENFORCE, tlsa=True, records=[(1, 1, 1, KEY)]).demand("mx.site.test")
    assert (demand.level, demand.facts.type) == (Level.CERTIFICATE, "sts")
    assert demand.invalid is not None and (demand.invalid.type, demand.invalid.domain) == ("tlsa", "mx.site.test")


def test_one_record_of_use_is_enough() -> None:
    assert policy(tlsa=True, records=[(1, 1, 1, KEY), RECORD]).demand("mx.site.test").invalid is None


def test_a_policy_that_could_not_be_had_is_told() -> None:
    found = policy(trouble="sts-policy-fetch-error")
    assert found.trouble == "sts-policy-fetch-error"
    assert "it is gone" in found.demand("mx.site.test").reason


# --- REQUIRETLS (RFC 8689 section 4.2.1)


@pytest.mark.parametrize(
    ("found", "level"),
    [
        (policy(), Level.NEVER),
        (policy(secure_mx=True), Level.CERTIFICATE),
        (policy(ENFORCE), Level.CERTIFICATE),
        (policy(TESTING), Level.CERTIFICATE),
        (policy(tlsa=True), Level.NEVER),  # the server is known, but nobody says that it is one of the domain's
        (policy(tlsa=True, secure_mx=True), Level.DANE),
        (policy(tlsa=True, secure_mx=True, records=[(0, 0, 0, b"x")]), Level.CERTIFICATE),
    ],
)
def test_requiretls_demands_a_server_that_is_vouched_for_and_a_certificate(found: DomainPolicy, level: Level) -> None:
    demand = found.demand("mx.site.test", requiretls=True)
    assert (demand.level, demand.testing) == (level, False)


def test_requiretls_takes_the_servers_that_the_administrator_has_named() -> None:
    found = Policies(FakeResolver(HOSTS), None).of("site.test", None)
    assert found.demand("mx.site.test", requiretls=True).level == Level.CERTIFICATE


# --- aliases (RFC 7672 section 2.2.2)

ALIASES: dict[str, Records | str] = {
    "mx.site.test": {"CNAME": ["host.pool.test."]},
    "host.pool.test": {"A": ["192.0.2.1"]},
    "_25._tcp.mx.site.test": {"TLSA": ["3 1 1 " + "aa" * 32]},
    "_25._tcp.host.pool.test": {"TLSA": ["3 1 1 " + "bb" * 32]},
}


@pytest.fixture
def server() -> Iterator[NameServer]:
    with NameServer(ALIASES) as server:
        yield server


def base(server: NameServer, *secure: str) -> str:
    """The TLSA base domain that is used when these names are signed; "" without DANE."""
    server.secure = set(secure)
    server.changed()
    demand = Policies(Resolver([server.address]), None).of("site.test", None).demand("mx.site.test")
    return demand.sni if demand.level == Level.DANE else ""


SIGNED = ("mx.site.test", "host.pool.test", "_25._tcp.mx.site.test", "_25._tcp.host.pool.test")


def test_the_records_of_a_signed_alias_are_those_of_what_it_stands_for(server: NameServer) -> None:
    assert base(server, *SIGNED) == "host.pool.test"


def test_without_records_there_those_of_the_alias_count(server: NameServer) -> None:
    del server.zone["_25._tcp.host.pool.test"]
    assert base(server, *SIGNED) == "mx.site.test"


def test_a_signed_alias_of_something_unsigned_has_its_own_records(server: NameServer) -> None:
    class Split(NameServer):
        """The step from the alias is signed, what it leads to is not."""

        def _made(self, query, name, kind, *, tcp):  # type: ignore[no-untyped-def]
            reply = super()._made(query, name, kind, tcp=tcp)
            if (name, kind) == ("mx.site.test", "CNAME"):
                reply.flags |= 0x20
            return reply

    with Split(ALIASES) as split:
        assert base(split, "mx.site.test", "_25._tcp.mx.site.test") == "mx.site.test"


def test_an_unsigned_alias_has_no_records(server: NameServer) -> None:
    assert base(server, "host.pool.test", "_25._tcp.mx.site.test", "_25._tcp.host.pool.test") == ""
    assert server.counts["_25._tcp.host.pool.test", "TLSA"] == 0  # servers of unsigned zones often fail at that question


def test_records_that_are_not_signed_do_not_count(server: NameServer) -> None:
    assert base(server, "mx.site.test", "host.pool.test") == ""
