"""Names by the servers of the configuration, and by the system."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import dns.rcode
import pytest

from postroom.dns import DnsFailure, Mx, Resolver, Tlsa
from tests.nameserver import DROP, GARBAGE, TRUNCATED, NameServer, Records

DIGEST = "ab" * 32
ZONE: dict[str, Records | str] = {
    "site.test": {"MX": ["20 c.site.test.", "10 b.site.test.", "10 a.site.test."], "TXT": ['"one" "two"', '"three"']},
    "alias.test": {"CNAME": ["site.test."]},
    "a.site.test": {"A": ["192.0.2.1", "192.0.2.2"], "AAAA": ["2001:db8::1"]},
    "six.test": {"AAAA": ["2001:db8::6"]},
    "hosted.test": {"CNAME": ["a.site.test."]},
    "bare.test": {"A": ["192.0.2.9"]},
    "null.test": {"MX": ["0 ."]},
    "null-too.test": {"MX": ["0 .", "10 a.site.test."]},
    "numbers.test": {"MX": ["10 192.0.2.1."]},
    "xn--bcher-kva.test": {"MX": ["10 a.site.test."]},
    "_25._tcp.a.site.test": {"TLSA": [f"3 1 1 {DIGEST}", f"2 0 2 {'cd' * 64}"]},
    "silent.test": DROP,
    "noise.test": GARBAGE,
    "big.test": TRUNCATED,
    "broken.test": "SERVFAIL",
    "many.test": {"MX": [f"10 mx{number}.many.test." for number in range(200)]},
    "crowd.test": {"A": [f"198.18.{number // 250}.{number % 250}" for number in range(1000)]},
    "loop.test": {"CNAME": ["pool.test."]},
    "pool.test": {"CNAME": ["loop.test."]},
}


@pytest.fixture
def server() -> Iterator[NameServer]:
    with NameServer(ZONE) as server:
        yield server


@pytest.fixture
def resolver(server: NameServer) -> Resolver:
    return Resolver([server.address], timeout=10, shuffle=list.sort)


def failure_of(ask: Callable[[], object]) -> DnsFailure:
    with pytest.raises(DnsFailure) as caught:
        ask()
    return caught.value


# --- mail exchangers


def test_exchangers_come_by_preference(resolver: Resolver) -> None:
    found = resolver.mx("site.test")
    assert found.servers == (Mx(10, "a.site.test"), Mx(10, "b.site.test"), Mx(20, "c.site.test"))
    assert (found.null, found.implicit, found.name) == (False, False, "site.test")


def test_equal_exchangers_are_shuffled_anew_each_time_also_from_the_cache(server: NameServer) -> None:
    turns = iter((False, True))
    resolver = Resolver([server.address], shuffle=lambda servers: servers.sort(reverse=next(turns)))
    assert [one.host for one in resolver.mx("site.test").servers] == ["a.site.test", "b.site.test", "c.site.test"]
    assert [one.host for one in resolver.mx("site.test").servers] == ["b.site.test", "a.site.test", "c.site.test"]
    assert server.counts["site.test", "MX"] == 1


def test_the_exchangers_of_an_alias_are_those_of_what_it_stands_for(resolver: Resolver) -> None:
    found = resolver.mx("Alias.test.")
    assert (found.name, len(found.servers)) == ("site.test", 3)


def test_a_domain_without_exchangers_is_its_own(resolver: Resolver) -> None:
    """RFC 5321 section 5.1."""
    found = resolver.mx("bare.test")
    assert (found.servers, found.implicit) == ((Mx(0, "bare.test"),), True)


def test_a_null_exchanger_says_that_no_mail_is_taken(resolver: Resolver) -> None:
    """RFC 7505 section 3; beside others it means nothing."""
    assert (resolver.mx("null.test").null, resolver.mx("null.test").servers) == (True, ())
    assert resolver.mx("null-too.test").servers == (Mx(10, "a.site.test"),)


def test_an_address_is_no_exchanger(resolver: Resolver) -> None:
    failure = failure_of(lambda: resolver.mx("numbers.test"))
    assert not failure.temporary
    assert "are not host names: 192.0.2.1" in str(failure)


def test_a_u_label_is_asked_for_as_a_label(resolver: Resolver) -> None:
    assert resolver.mx("Bücher.test").servers == (Mx(10, "a.site.test"),)


@pytest.mark.parametrize(
    ("domain", "host"), [("[192.0.2.5]", "192.0.2.5"), ("[IPv6:2001:db8::5]", "2001:db8::5"), ("localhost", "localhost")]
)
def test_nobody_is_asked_for_the_exchangers_of_a_literal_or_of_localhost(domain: str, host: str) -> None:
    assert Resolver(["127.0.0.1:9"]).mx(domain).servers == (Mx(0, host),)


# --- failures


def test_a_name_that_does_not_exist_fails_for_good(resolver: Resolver) -> None:
    failure = failure_of(lambda: resolver.mx("nowhere.test"))
    assert (failure.temporary, failure.kind, str(failure)) == (False, "unknown", "the name nowhere.test does not exist")


def test_a_name_without_addresses_fails_for_good(resolver: Resolver) -> None:
    failure = failure_of(lambda: resolver.addresses("site.test"))
    assert (failure.temporary, failure.kind, str(failure)) == (False, "empty", "the name site.test has no address")


@pytest.mark.parametrize(
    ("name", "words"),
    [("broken.test", "says SERVFAIL"), ("silent.test", "does not answer"), ("noise.test", "does not answer"), ("loop.test", "")],
)
def test_no_answer_that_can_be_used_is_temporary(server: NameServer, name: str, words: str) -> None:
    failure = failure_of(lambda: Resolver([server.address], timeout=0.3).mx(name))
    assert (failure.temporary, failure.kind) == (True, "failed")
    assert words in str(failure)


@pytest.mark.parametrize("name", ["a..b", "x" * 64 + ".test", ".".join(["abcdefgh"] * 30), "", "."])
def test_what_is_no_name_fails_for_good_without_a_question(server: NameServer, resolver: Resolver, name: str) -> None:
    failure = failure_of(lambda: resolver.mx(name))
    assert (failure.temporary, failure.kind, server.asked) == (False, "name", 0)


def test_another_server_answers_for_one_that_is_dead(server: NameServer) -> None:
    resolver = Resolver(["127.0.0.1:9", server.address], timeout=2)
    assert resolver.addresses("bare.test") == ["192.0.2.9"]


def test_another_server_answers_for_one_that_fails(server: NameServer) -> None:
    with NameServer({"bare.test": "SERVFAIL", "six.test": "SERVFAIL"}) as bad:
        resolver = Resolver([bad.address, server.address])
        assert resolver.addresses("bare.test") == ["192.0.2.9"]
        assert resolver.addresses("six.test") == ["2001:db8::6"]
        assert (bad.counts["bare.test", "AAAA"], bad.asked) == (1, 1)  # from then on the good one is asked first


def test_a_server_that_drops_a_question_is_asked_again(server: NameServer) -> None:
    failure_of(lambda: Resolver([server.address], timeout=0.2).txt("silent.test"))
    assert server.counts["silent.test", "TXT"] == 2


def test_a_cut_answer_is_asked_for_by_tcp(server: NameServer, resolver: Resolver) -> None:
    server.truncated.add("site.test")
    assert len(resolver.mx("site.test").servers) == 3
    assert (server.by_tcp["site.test", "MX"], server.counts["site.test", "MX"]) == (1, 2)


def test_hundreds_of_servers_and_addresses_come_whole(server: NameServer, resolver: Resolver) -> None:
    server.truncated.update(("many.test", "crowd.test"))
    assert len(resolver.mx("many.test").servers) == 200
    assert len(resolver.addresses("crowd.test")) == 1000


def test_a_server_that_knows_no_edns_is_asked_without(server: NameServer) -> None:
    class Old(NameServer):
        def _made(self, query, name, kind, *, tcp):  # type: ignore[no-untyped-def]
            reply = super()._made(query, name, kind, tcp=tcp)
            if query.edns >= 0:
                reply.set_rcode(dns.rcode.FORMERR)
            return reply

    with Old({"old.test": {"A": ["192.0.2.3"]}}) as old:
        assert Resolver([old.address]).addresses("old.test") == ["192.0.2.3"]


def test_the_question_asks_for_dnssec(server: NameServer, resolver: Resolver) -> None:
    """RFC 3225 (DO) and RFC 6840 section 5.7 (AD)."""
    resolver.txt("site.test")
    question = server.questions[-1]
    assert (question.edns, bool(question.ednsflags & 0x8000), bool(question.flags & 0x20)) == (0, True, True)


# --- addresses


def test_addresses_of_both_families_come_with_ipv6_first(resolver: Resolver) -> None:
    found = resolver.address_records("hosted.test")
    assert (found.records[0], set(found.records[1:])) == ("2001:db8::1", {"192.0.2.1", "192.0.2.2"})
    assert found.name == "a.site.test"


def test_one_family_is_enough(server: NameServer, resolver: Resolver) -> None:
    assert resolver.addresses("six.test") == ["2001:db8::6"]
    assert resolver.addresses("bare.test") == ["192.0.2.9"]


def test_a_name_that_is_denied_for_one_family_has_the_addresses_of_the_other() -> None:
    """RFC 4074 section 4.2: some servers do so for the family that they lack."""

    class Denying(NameServer):
        def _made(self, query, name, kind, *, tcp):  # type: ignore[no-untyped-def]
            reply = super()._made(query, name, kind, tcp=tcp)
            if kind == "AAAA":
                reply.set_rcode(dns.rcode.NXDOMAIN)
            return reply

    with Denying({"old.test": {"A": ["192.0.2.4"]}, "mute.test": "SERVFAIL"}) as server:
        resolver = Resolver([server.address], timeout=1)
        assert resolver.addresses("old.test") == ["192.0.2.4"]
        assert failure_of(lambda: resolver.addresses("gone.test")).kind == "unknown"
        assert failure_of(lambda: resolver.addresses("mute.test")).temporary


def test_localhost_is_this_machine_whatever_servers_are_configured() -> None:
    """RFC 6761 section 6.3: no server is asked for it (there is none at this address)."""
    assert "127.0.0.1" in Resolver(["127.0.0.1:9"], timeout=0.1).addresses("localhost")
    assert "127.0.0.1" in Resolver(["127.0.0.1:9"], timeout=0.1).address_records("localhost").records


def test_an_address_is_its_own() -> None:
    assert Resolver(["127.0.0.1:9"]).addresses("[::1]") == ["::1"]
    assert Resolver(["127.0.0.1:9"]).address_records("192.0.2.7").records == ("192.0.2.7",)


# --- other records


def test_the_strings_of_a_text_record_are_joined(resolver: Resolver) -> None:
    assert set(resolver.txt("site.test").records) == {"onetwo", "three"}


def test_no_text_is_an_answer(resolver: Resolver) -> None:
    assert (resolver.txt("bare.test").records, resolver.txt("bare.test").exists) == ((), True)
    assert (resolver.txt("nowhere.test").records, resolver.txt("nowhere.test").exists) == ((), False)


def test_tlsa_records_are_told_whole(resolver: Resolver) -> None:
    found = resolver.tlsa("_25._tcp.a.site.test")
    assert Tlsa(3, 1, 1, bytes.fromhex(DIGEST)) in found.records
    assert str(found.records[0] if found.records[0].usage == 3 else found.records[1]) == f"3 1 1 {DIGEST}"


def test_an_alias_can_be_asked_for_by_itself(resolver: Resolver) -> None:
    assert resolver.cname("hosted.test").records == ("a.site.test",)
    assert resolver.cname("bare.test").records == ()


# --- DNSSEC


def test_an_answer_is_secure_when_a_trusted_server_says_so(server: NameServer) -> None:
    server.secure.update({"site.test", "a.site.test"})
    trusting, doubting = Resolver([server.address]), Resolver([server.address], trust_ad=False)
    assert trusting.mx("site.test").secure
    assert trusting.address_records("a.site.test").secure
    assert not trusting.mx("bare.test").secure
    assert not doubting.mx("site.test").secure


def test_an_alias_that_is_not_signed_makes_the_answer_insecure(server: NameServer, resolver: Resolver) -> None:
    server.secure.add("a.site.test")
    assert not resolver.address_records("hosted.test").secure
    assert resolver.address_records("a.site.test").secure


def test_whoever_suppresses_one_family_does_not_make_the_rest_insecure(server: NameServer) -> None:
    class Half(NameServer):
        def _answer(self, data: bytes, *, tcp: bool) -> bytes | None:
            return None if b"\x00\x1c\x00\x01" in data else super()._answer(data, tcp=tcp)

    with Half({"half.test": {"A": ["192.0.2.4"], "AAAA": ["2001:db8::4"]}}, secure=["half.test"]) as half:
        found = Resolver([half.address], timeout=0.3).address_records("half.test")
    assert (found.records, found.secure) == (("192.0.2.4",), True)
