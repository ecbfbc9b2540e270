"""What is counted of TLS connections, and for whom."""

from __future__ import annotations

from dataclasses import replace

import pytest

from postroom.dns import Tlsa
from postroom.log import get as get_log
from postroom.store.database import Database, StoreUnavailable
from postroom.store.tls_results import TlsCount, TlsResultStore
from postroom.testing import FakeResolver
from postroom.tls_policy import results
from postroom.tls_policy.demand import Demand, Level, PolicyFacts
from postroom.tls_policy.policies import DomainPolicy
from postroom.tls_policy.results import UNUSABLE, TlsResults

DAY = 20_000
RUA = "v=TLSRPTv1; rua=mailto:tls@site.test"
POLICY = DomainPolicy("site.test", None, None)
NOTHING = Demand(Level.OPPORTUNISTIC, "", PolicyFacts("no-policy-found", "site.test"))
DANE = Demand(Level.DANE, "", PolicyFacts("tlsa", "mx.pool.test", ("3 1 1 aa",)), (Tlsa(3, 1, 1, bytes(32)),))

USELESS_FACTS = PolicyFacts("tlsa", "mx.pool.test", ("3 1 9 aa",))
USELESS = Demand(Level.ENCRYPT, "", USELESS_FACTS, invalid=USELESS_FACTS)


class Clock:
    now = DAY * 86_400 + 10.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def resolver() -> FakeResolver:
    names = ("site.test", "mx.pool.test")
    return FakeResolver(
        temporary=["_smtp._tls.slow.test"], txt={f"_smtp._tls.{name}": [RUA] for name in names} | {"_smtp._tls.b.test": ["x"]}
    )


def collector(db: Database, resolver: FakeResolver) -> TlsResults:
    return TlsResults(db, resolver, log=get_log(), clock=Clock())


def stored(db: Database, domain: str = "site.test") -> list[tuple[str, str, int, str]]:
    found: list[TlsCount] = TlsResultStore(db).of(DAY, domain)
    return [(one.way.policy_type, one.way.result_type, one.count, one.reason) for one in found]


def test_connections_that_went_the_same_way_are_one_number(db: Database, resolver: FakeResolver) -> None:
    results = collector(db, resolver)
    for _ in range(3):
        results.note(POLICY, NOTHING, mx="a.site.test", receiving_ip="192.0.2.1")
        results.note(POLICY, NOTHING, mx="b.site.test", receiving_ip="192.0.2.2")
        results.note(POLICY, NOTHING, "starttls-not-supported", mx="b.site.test", words="no  STARTTLS\r\nthere")
    results.flush()
    assert stored(db) == [("no-policy-found", "", 6, ""), ("no-policy-found", "starttls-not-supported", 3, "no STARTTLS there")]


def test_what_is_flushed_twice_adds_up(db: Database, resolver: FakeResolver) -> None:
    results = collector(db, resolver)
    for _ in range(2):
        results.note(POLICY, NOTHING, mx="mx")
        results.flush()
        results.flush()
    assert stored(db) == [("no-policy-found", "", 2, "")]


def test_nothing_is_kept_for_domains_that_want_no_report(db: Database, resolver: FakeResolver) -> None:
    results = collector(db, resolver)
    for name in ("a.test", "b.test", "slow.test"):
        results.note(DomainPolicy(name, None, None), NOTHING, mx="mx")
    results.flush()
    assert TlsResultStore(db).due(DAY + 1) == [(DAY, "slow.test")]  # nobody could tell just now


def test_results_of_dane_are_also_for_whoever_runs_the_server(db: Database, resolver: FakeResolver) -> None:
    results = collector(db, resolver)
    results.note(POLICY, DANE, "validation-failure", mx="mx.pool.test")
    results.flush()
    assert stored(db) == stored(db, "mx.pool.test") == [("tlsa", "validation-failure", 1, "")]


@pytest.mark.parametrize(
    ("result", "told"), [("", ("tlsa-invalid", 1, UNUSABLE)), ("starttls-not-supported", ("starttls-not-supported", 1, "no TLS"))]
)
def test_tlsa_records_of_no_use_are_a_failure_also_of_a_connection_that_went_well(
    db: Database, resolver: FakeResolver, result: str, told: tuple[str, int, str]
) -> None:
    results = collector(db, resolver)
    results.note(POLICY, USELESS, result, mx="mx.pool.test", receiving_ip="192.0.2.1", words="no TLS")
    results.flush()
    assert stored(db) == stored(db, "mx.pool.test") == [("tlsa", *told)]
    assert TlsResultStore(db).of(DAY, "site.test")[0].way.receiving_ip == "192.0.2.1"


def test_tlsa_records_of_no_use_are_told_beside_what_came_of_the_policy_that_holds_in_their_place(
    db: Database, resolver: FakeResolver
) -> None:
    results = collector(db, resolver)
    results.note(POLICY, replace(NOTHING, facts=PolicyFacts("sts", "site.test"), invalid=USELESS.facts), mx="mx.pool.test")
    results.flush()
    assert stored(db) == [("sts", "", 1, ""), ("tlsa", "tlsa-invalid", 1, UNUSABLE)]
    assert stored(db, "mx.pool.test") == [("tlsa", "tlsa-invalid", 1, UNUSABLE)]


def test_a_policy_that_could_not_be_had_is_told_with_each_connection(db: Database, resolver: FakeResolver) -> None:
    results = collector(db, resolver)
    results.note(DomainPolicy("site.test", None, None, None, "sts-webpki-invalid", "it is old"), NOTHING, mx="mx")
    results.flush()
    assert stored(db) == [("no-policy-found", "", 1, ""), ("sts", "sts-webpki-invalid", 1, "it is old")]


def test_what_cannot_be_written_is_written_the_next_time(db: Database, resolver: FakeResolver, monkeypatch: pytest.MonkeyPatch) -> None:
    results = collector(db, resolver)
    results.note(POLICY, NOTHING, mx="mx")
    with monkeypatch.context() as patch:
        patch.setattr(db, "write", lambda *args, **options: (_ for _ in ()).throw(StoreUnavailable("gone")))
        results.flush()
    results.note(POLICY, NOTHING, mx="mx")
    results.flush()
    assert stored(db) == [("no-policy-found", "", 2, "")]


def test_the_end_of_a_worker_writes_all_without_asking(db: Database, resolver: FakeResolver) -> None:
    results = collector(db, resolver)
    results.note(DomainPolicy("a.test", None, None), NOTHING, mx="mx")
    results.flush(asking=False)
    assert (resolver.asked, TlsResultStore(db).due(DAY + 1)) == ([], [(DAY, "a.test")])


def test_what_is_cut_off_is_written_the_next_time(db: Database, resolver: FakeResolver, monkeypatch: pytest.MonkeyPatch) -> None:
    results = collector(db, resolver)
    results.note(POLICY, NOTHING, mx="mx")
    monkeypatch.setattr(results, "_wanting", lambda domains: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        results.flush()
    monkeypatch.undo()
    results.flush()
    assert stored(db) == [("no-policy-found", "", 1, "")]


def test_of_what_a_server_calls_itself_as_much_is_kept_as_a_name_may_have(db: Database, resolver: FakeResolver) -> None:
    results = collector(db, resolver)
    results.note(POLICY, NOTHING, "starttls-not-supported", mx="a.site.test", helo="x" * 1000)
    results.flush()
    [count] = TlsResultStore(db).of(DAY, "site.test")
    assert len(count.way.helo) == 255


def test_memory_is_bounded(db: Database, resolver: FakeResolver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "MOST", 3)
    collected = collector(db, resolver)
    for number in range(10):
        collected.note(POLICY, NOTHING, "validation-failure", mx=f"mx{number}")
        collected.note(POLICY, NOTHING, "validation-failure", mx="mx0")
    collected.flush()
    assert sorted(one[2] for one in stored(db)) == [1, 1, 11]
