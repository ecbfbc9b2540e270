"""Policies in force: when they are fetched, how long they hold, what outlives a restart."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, replace

import pytest
from structlog.testing import capture_logs

from postroom.dns import DnsFailure
from postroom.log import get as get_log
from postroom.store.database import Database, StoreUnavailable
from postroom.store.sts import StsStore
from postroom.tls_policy.sts import StsPolicy
from postroom.tls_policy.sts_cache import DAY, Known, StsPolicies
from postroom.tls_policy.sts_fetch import FetchFailed

ENFORCE = StsPolicy("enforce", ("mx.site.test", "*.pool.test"), 7 * 86400)
NONE = StsPolicy("none", (), 86400)


@dataclass
class World:
    """The clock, the DNS and the policy hosts of other domains."""

    now: float = 1_800_000_000.0
    announced: dict[str, str] = field(default_factory=lambda: {"site.test": "1"})
    policies: dict[str, StsPolicy] = field(default_factory=lambda: {"site.test": ENFORCE})
    fetched: list[str] = field(default_factory=list)
    hold: threading.Event | None = None

    def __call__(self) -> float:
        return self.now

    def record(self, domain: str) -> str | None:
        return self.announced.get(domain)

    def policy(self, domain: str) -> StsPolicy:
        self.fetched.append(domain)
        if self.hold is not None:
            self.hold.wait(20)
        if domain not in self.policies:
            raise FetchFailed("nobody answers", "sts-policy-fetch-error")
        return self.policies[domain]


@pytest.fixture
def world() -> World:
    return World()


def policies(db: Database, world: World) -> StsPolicies:
    """As after a start."""
    return StsPolicies(db, world, log=get_log(), clock=world)  # type: ignore[arg-type]


def test_a_policy_is_fetched_once_and_kept_over_a_restart(db: Database, world: World) -> None:
    first = policies(db, world)
    assert first.current("Site.test").policy == ENFORCE
    assert first.current("site.test").policy == ENFORCE
    assert policies(db, world).current("site.test").policy == ENFORCE
    assert world.fetched == ["site.test"]


def test_what_cannot_be_asked_for_is_no_reason_to_do_without_the_policy(db: Database, world: World) -> None:
    class Short(World):
        def policy(self, domain: str) -> StsPolicy:
            raise DnsFailure("no socket", temporary=True, kind="local")

    known = policies(db, Short())
    with pytest.raises(DnsFailure):
        known.current("site.test")
    known._fetch = world  # type: ignore[assignment]
    assert known.current("site.test").policy == ENFORCE


def test_the_refreshing_goes_on_when_one_domain_cannot_be_asked(db: Database, world: World) -> None:
    class Short(World):
        def record(self, domain: str) -> str | None:
            raise DnsFailure("no socket", temporary=True, kind="local")

    known = policies(db, world)
    known.current("site.test")
    world.now += DAY + 1
    known._fetch = Short()  # type: ignore[assignment]
    with capture_logs() as lines:
        known.refresh()
    assert [(one["event"], one["domain"], one["reason"]) for one in lines] == [("sts.not_refreshed", "site.test", "no socket")]


def test_a_domain_that_announces_nothing_has_no_policy(db: Database, world: World) -> None:
    for domain in ("other.test", "[192.0.2.1]", ""):
        assert policies(db, world).current(domain) == Known()
    assert world.fetched == []


def test_a_new_id_brings_a_new_policy(db: Database, world: World) -> None:
    sts = policies(db, world)
    sts.current("site.test")
    world.announced["site.test"], world.policies["site.test"] = "2", NONE
    assert sts.current("site.test").policy == NONE
    assert policies(db, world).current("site.test").policy == NONE


def test_a_policy_holds_until_it_expires_whatever_the_dns_says(db: Database, world: World) -> None:
    """RFC 8461 section 3.3: or it would be enough to suppress the record."""
    sts = policies(db, world)
    sts.current("site.test")
    world.announced.clear()
    world.now += 7 * 86400 - 1
    assert sts.current("site.test") == Known(ENFORCE)
    world.now += 2
    assert sts.current("site.test") == Known()


def test_a_policy_holds_when_a_newer_one_cannot_be_fetched(db: Database, world: World) -> None:
    sts = policies(db, world)
    sts.current("site.test")
    world.announced["site.test"] = "2"
    world.policies.clear()
    assert sts.current("site.test") == Known(ENFORCE, "sts-policy-fetch-error", "nobody answers")


def test_a_failed_fetch_is_not_repeated_at_once(db: Database, world: World) -> None:
    sts = policies(db, world)
    world.policies.clear()
    for _ in range(3):
        assert sts.current("site.test") == Known(None, "sts-policy-fetch-error", "nobody answers")
    assert len(world.fetched) == 1
    world.now += 301
    world.policies["site.test"] = ENFORCE
    assert sts.current("site.test") == Known(ENFORCE)


def test_an_expired_policy_is_fetched_again(db: Database, world: World) -> None:
    sts = policies(db, world)
    sts.current("site.test")
    world.now += 8 * 86400
    assert sts.current("site.test").policy == ENFORCE
    assert len(world.fetched) == 2


def test_many_who_ask_at_once_fetch_once(db: Database, world: World) -> None:
    sts, found = policies(db, world), list[Known]()
    world.hold = threading.Event()
    threads = [threading.Thread(target=lambda: found.append(sts.current("site.test"))) for _ in range(5)]
    for thread in threads:
        thread.start()
    world.hold.set()
    for thread in threads:
        thread.join(20)
    assert (found, len(world.fetched)) == ([Known(ENFORCE)] * 5, 1)


def test_mail_does_not_wait_for_a_newer_policy_while_the_old_one_holds(db: Database, world: World) -> None:
    sts = policies(db, world)
    sts.current("site.test")
    world.announced["site.test"], world.policies["site.test"], world.hold = "2", NONE, threading.Event()
    fetcher = threading.Thread(target=sts.current, args=("site.test",))
    fetcher.start()
    end = time.monotonic() + 20
    while len(world.fetched) < 2 and time.monotonic() < end:
        time.sleep(0.005)
    assert sts.current("site.test").policy == ENFORCE
    world.hold.set()
    fetcher.join(20)
    assert sts.current("site.test").policy == NONE


def test_what_another_worker_has_fetched_is_seen(db: Database, world: World) -> None:
    one, two = policies(db, world), policies(db, world)
    one.current("site.test"), two.current("site.test")
    world.announced["site.test"], world.policies["site.test"] = "2", NONE
    one.current("site.test")
    world.announced.clear()  # the other cannot fetch it any more
    world.now += 301
    assert two.current("site.test").policy == NONE


# --- the job


def test_policies_in_use_are_refreshed_daily(db: Database, world: World) -> None:
    sts = policies(db, world)
    sts.current("site.test")
    sts.refresh()
    assert len(world.fetched) == 1
    world.now += DAY + 1
    sts.refresh()
    assert len(world.fetched) == 2
    found = StsStore(db).find("site.test")
    assert found is not None and found.expires_at == world.now + ENFORCE.max_age


def test_a_policy_of_a_few_hours_is_refreshed_before_it_expires(db: Database, world: World) -> None:
    world.policies["site.test"] = replace(ENFORCE, max_age=4 * 3600)
    sts = policies(db, world)
    sts.current("site.test")
    for _ in range(6):
        world.now += 3600
        sts.refresh()
    found = StsStore(db).find("site.test")
    assert found is not None and found.expires_at > world.now
    assert len(world.fetched) == 4


def test_a_refresh_that_fails_is_tried_again_a_day_later(db: Database, world: World) -> None:
    sts = policies(db, world)
    sts.current("site.test")
    world.policies.clear()
    for _ in range(2):
        world.now += DAY + 1
        sts.refresh()
        sts.refresh()
    assert len(world.fetched) == 3
    assert sts.current("site.test").policy == ENFORCE


def test_a_policy_that_nobody_uses_is_left_to_expire(db: Database, world: World) -> None:
    world.policies["site.test"] = replace(ENFORCE, max_age=90 * 86400)
    sts = policies(db, world)
    sts.current("site.test")
    world.now += 31 * DAY
    sts.refresh()
    assert len(world.fetched) == 1
    sts.current("site.test")  # is used again
    sts.refresh()
    assert len(world.fetched) == 2


def test_expired_policies_are_forgotten(db: Database, world: World) -> None:
    sts = policies(db, world)
    sts.current("site.test")
    world.now += 9 * DAY
    sts.refresh()
    assert StsStore(db).find("site.test") is None


def test_without_the_database_policies_are_fetched_and_held_in_memory(world: World) -> None:
    class Gone:
        def __getattr__(self, name: str) -> object:
            def fail(*args: object, **options: object) -> None:
                raise StoreUnavailable("gone")

            return fail

    sts = policies(Gone(), world)  # type: ignore[arg-type]
    assert sts.current("site.test").policy == ENFORCE
    assert sts.current("site.test").policy == ENFORCE
    assert len(world.fetched) == 1
