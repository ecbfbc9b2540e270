"""What is kept of the DNS, for how long, and who asks."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from postroom.dns import DnsFailure, Resolver
from postroom.dns.answers import Answer
from postroom.dns.asking import Raw
from postroom.dns.cache import Cache
from tests.nameserver import NameServer


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server() -> Iterator[NameServer]:
    with NameServer({"a.test": {"TXT": ['"x"']}}, ttl=100, negative=30) as server:
        yield server


@pytest.fixture
def resolver(server: NameServer, clock: Clock) -> Resolver:
    return Resolver([server.address], clock=clock)


def test_an_answer_is_kept_for_its_ttl(server: NameServer, resolver: Resolver, clock: Clock) -> None:
    assert resolver.txt("a.test").ttl == 100
    clock.now += 99
    resolver.txt("A.test.")
    assert server.asked == 1
    clock.now += 1
    assert resolver.txt("a.test").ttl == 100
    assert server.asked == 2


def test_that_there_is_nothing_is_kept_as_long_as_the_zone_says(server: NameServer, resolver: Resolver, clock: Clock) -> None:
    """RFC 2308 section 5."""
    for _ in range(2):
        assert resolver.txt("b.test").records == ()
    clock.now += 31
    resolver.txt("b.test")
    assert server.counts["b.test", "TXT"] == 2


def test_a_fresh_answer_is_asked_for_and_kept(server: NameServer, resolver: Resolver) -> None:
    resolver.txt("a.test")
    server.zone["a.test"] = {"TXT": ['"y"']}
    server.changed()
    assert resolver.txt("a.test").records == ("x",)
    assert resolver.txt("a.test", fresh=True).records == ("y",)
    assert resolver.txt("a.test").records == ("y",)


def test_a_failure_is_kept_for_a_moment_so_that_not_everybody_waits_for_it(server: NameServer, resolver: Resolver, clock: Clock) -> None:
    server.zone["a.test"] = "SERVFAIL"
    for _ in range(3):
        with pytest.raises(DnsFailure, match="says SERVFAIL"):
            resolver.txt("a.test")
    assert server.asked == 2  # twice by the first
    server.zone["a.test"] = {"TXT": ['"z"']}
    server.changed()
    clock.now += 31
    assert resolver.txt("a.test").records == ("z",)


def test_a_failure_does_not_stand_in_the_way_of_a_fresh_answer(server: NameServer, resolver: Resolver) -> None:
    server.zone["a.test"] = "SERVFAIL"
    with pytest.raises(DnsFailure):
        resolver.txt("a.test")
    server.zone["a.test"] = {"TXT": ['"z"']}
    server.changed()
    assert resolver.txt("a.test", fresh=True).records == ("z",)
    assert resolver.txt("a.test").records == ("z",)


def test_a_failure_does_not_take_the_place_of_what_is_known(server: NameServer, resolver: Resolver) -> None:
    resolver.txt("a.test")
    server.zone["a.test"] = "SERVFAIL"
    server.changed()
    with pytest.raises(DnsFailure):
        resolver.txt("a.test", fresh=True)
    assert resolver.txt("a.test").records == ("x",)


def answer(name: str, ttl: float = 60.0) -> Raw:
    return Answer((), secure=False, name=name, ttl=ttl)


def test_a_full_cache_forgets_what_was_unused_for_longest(clock: Clock) -> None:
    cache = Cache(2, clock)
    for name in ("a", "b", "a", "c"):
        cache.get((name, "A"), lambda name=name: answer(name), fresh=False)  # type: ignore[misc]
    assert len(cache) == 2
    assert cache.known(("b", "A")) is None
    assert cache.known(("a", "A")) is not None


def test_an_answer_without_ttl_is_not_kept(clock: Clock) -> None:
    cache = Cache(2, clock)
    cache.get(("a", "A"), lambda: answer("a", ttl=0.0), fresh=False)
    assert len(cache) == 0


class Crowd:
    """Threads that ask one question; the first of them asks ``ask``, which waits until the others are there."""

    def __init__(self, cache: Cache, count: int) -> None:
        self.cache, self.asked, self.results = cache, 0, list[object]()
        self.begun, self.go = threading.Event(), threading.Event()
        self.threads = [threading.Thread(target=self._one) for _ in range(count)]

    def run(self) -> None:
        self.threads[0].start()
        assert self.begun.wait(20)
        for thread in self.threads[1:]:
            thread.start()
        self.go.set()
        for thread in self.threads:
            thread.join(20)

    def ask(self) -> Raw:
        self.asked += 1
        self.begun.set()
        assert self.go.wait(20)
        return self.outcome()

    def outcome(self) -> Raw:
        return answer("a")

    def _one(self) -> None:
        try:
            self.results.append(self.cache.get(("a", "A"), self.ask, fresh=False).name)
        except (DnsFailure, KeyboardInterrupt) as error:
            self.results.append(type(error))


def test_one_question_is_asked_once_however_many_want_it(clock: Clock) -> None:
    crowd = Crowd(Cache(10, clock), 8)
    crowd.run()
    assert (crowd.asked, crowd.results) == (1, ["a"] * 8)


def test_a_failure_is_told_to_all_who_wait(clock: Clock) -> None:
    class Failing(Crowd):
        def outcome(self) -> Raw:
            raise DnsFailure("no", temporary=True)

    crowd = Failing(Cache(10, clock), 5)
    crowd.run()
    assert crowd.results == [DnsFailure] * 5


def test_when_the_one_who_asks_is_killed_another_asks(clock: Clock) -> None:
    class Killed(Crowd):
        def outcome(self) -> Raw:
            if self.asked == 1:
                raise KeyboardInterrupt
            return answer("a")

    crowd = Killed(Cache(10, clock), 4)
    crowd.run()
    assert crowd.asked == 2
    assert sorted(map(str, crowd.results)) == ["<class 'KeyboardInterrupt'>", "a", "a", "a"]
