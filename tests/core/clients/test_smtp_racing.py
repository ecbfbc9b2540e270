"""Happy eyeballs: addresses side by side, the first that answers wins, and no socket is left behind."""

from __future__ import annotations

import errno
import gc
import socket
import time
import warnings
from collections.abc import Iterator
from contextlib import suppress

import pytest

from postroom.clients.smtp.racing import NobodyAnswers, interleaved, race

SILENT = "192.0.2.1"  # TEST-NET-1 (RFC 5737): nobody is there


@pytest.fixture
def server() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock.getsockname()[1]


@pytest.fixture
def full() -> Iterator[tuple[str, int]]:
    """An address that answers nobody: its backlog is full."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.2", 0))
        sock.listen(0)
        place = sock.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for one in fillers:
            one.setblocking(False)
            one.connect_ex(place)
        yield place
        for one in fillers:
            one.close()


def test_the_families_take_turns_beginning_with_that_of_the_first() -> None:
    assert interleaved(["::1", "::2", "::3", "10.0.0.1", "10.0.0.2"]) == ["::1", "10.0.0.1", "::2", "10.0.0.2", "::3"]
    assert interleaved(["10.0.0.1", "::1"]) == ["10.0.0.1", "::1"]
    assert interleaved([]) == []


def test_the_first_address_that_answers_wins(server: int) -> None:
    sock, address = race(["127.0.0.1", "127.0.0.2"], server, 5.0, time.monotonic)
    with sock:
        assert (address, sock.getpeername()) == ("127.0.0.1", ("127.0.0.1", server))
        assert sock.getblocking()


def test_an_address_that_refuses_is_passed_over_at_once(server: int) -> None:
    sock, address = race(["127.0.0.9", "127.0.0.1"], server, 5.0, time.monotonic)
    sock.close()
    assert address == "127.0.0.1"


def test_a_silent_address_holds_the_next_back_for_a_moment_only(full: tuple[str, int]) -> None:
    with socket.create_server(("127.0.0.1", full[1])):
        sock, address = race([full[0], "127.0.0.1"], full[1], 20.0, time.monotonic)
        sock.close()
    assert address == "127.0.0.1"


def test_the_reasons_of_all_are_told(full: tuple[str, int]) -> None:
    with pytest.raises(NobodyAnswers) as caught:
        race([full[0], "127.0.0.9"], full[1], 0.2, time.monotonic)
    assert caught.value.reasons == {
        "127.0.0.9": "cannot be reached: Connection refused",
        full[0]: "did not answer within 0 seconds",
    }


def test_a_machine_without_a_family_is_no_fault(monkeypatch: pytest.MonkeyPatch, server: int) -> None:
    make = socket.socket

    def without_v6(family: int, kind: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(97, "Address family not supported by protocol")
        return make(family, kind)

    monkeypatch.setattr("postroom.clients.smtp.racing.socket.socket", without_v6)
    sock, address = race(["::1", "127.0.0.1"], server, 5.0, time.monotonic)
    monkeypatch.undo()
    sock.close()
    assert address == "127.0.0.1"


@pytest.mark.parametrize("addresses", [["127.0.0.9", "127.0.0.2"], ["127.0.0.2", "127.0.0.1"], ["127.0.0.2"]])
def test_all_sockets_but_the_winner_are_closed(addresses: list[str], full: tuple[str, int]) -> None:
    gc.collect()
    with warnings.catch_warnings(), socket.create_server(("127.0.0.1", full[1])):
        warnings.simplefilter("error", ResourceWarning)
        with suppress(NobodyAnswers):
            race(addresses, full[1], 0.5, time.monotonic)[0].close()
        gc.collect()


def test_an_end_in_the_middle_closes_what_was_begun(full: tuple[str, int]) -> None:
    class End(BaseException):
        pass

    times = iter([0.0, 0.0, 0.1])

    def clock() -> float:
        try:
            return next(times)
        except StopIteration:
            raise End from None

    gc.collect()
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        with pytest.raises(End):
            race([full[0]], full[1], 0.2, clock)
        gc.collect()


@pytest.mark.parametrize("taken", [True, False])
def test_the_last_descriptors_are_left_to_the_database(monkeypatch: pytest.MonkeyPatch, server: int, taken: bool) -> None:
    """Else it could not open its files, and nothing of what has been sent could be recorded."""
    monkeypatch.setattr("postroom.clients.smtp.racing.is_of_reserve", lambda descriptor: taken)
    if not taken:
        race(["127.0.0.1"], server, 5.0, time.monotonic)[0].close()
        return
    with pytest.raises(OSError, match="Too many open files"):
        race(["127.0.0.1"], server, 5.0, time.monotonic)


def test_a_lack_of_buffers_while_connecting_is_a_shortage_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postroom.clients.smtp.racing.socket.socket.connect_ex", lambda sock, place: errno.ENOBUFS, raising=False)
    with pytest.raises(OSError, match="No buffer space"):
        race(["127.0.0.1"], 25, 1.0, time.monotonic)


def test_without_descriptors_nothing_is_said_about_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its mail must not wait as if it had failed."""

    def none(*arguments: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("postroom.clients.smtp.racing.socket.socket", none)
    with pytest.raises(OSError, match="Too many open files"):
        race(["127.0.0.1", "127.0.0.2"], 25, 1.0, time.monotonic)
