"""Happy eyeballs (RFC 8305): connects to the addresses of one host a moment apart, and the first that answers wins.

Sockets do not block here and one poll waits for all of them, so that nothing is left behind however it ends.
"""

from __future__ import annotations

import errno
import os
import select
import socket
from collections import deque
from collections.abc import Callable, Sequence
from ipaddress import IPv6Address, ip_address
from itertools import chain, zip_longest

from ...shortage import is_of_reserve, is_shortage

DELAY = 0.25  # seconds between two attempts: RFC 8305 section 5


class NobodyAnswers(Exception):
    """No address took the connection; ``reasons`` says why, by address."""

    def __init__(self, reasons: dict[str, str]) -> None:
        super().__init__("; ".join(f"{address}: {reason}" for address, reason in reasons.items()))
        self.reasons = reasons


def interleaved(addresses: Sequence[str]) -> list[str]:
    """The same addresses, the families taking turns, the family of the first in front (RFC 8305 section 4)."""
    families: dict[bool, list[str]] = {}
    for address in addresses:
        families.setdefault(":" in address, []).append(address)
    turns = chain.from_iterable(zip_longest(*families.values()))
    return [address for address in turns if address is not None]


def race(addresses: Sequence[str], port: int, timeout: float, clock: Callable[[], float]) -> tuple[socket.socket, str]:
    """A connected socket that blocks, and its address, within ``timeout`` seconds.

    Raises NobodyAnswers, and OSError when this machine has no more sockets to try with.
    """
    runners = _Race(interleaved(addresses), port)
    try:
        return runners.run(timeout, clock)
    finally:
        runners.close()


class _Race:
    def __init__(self, addresses: Sequence[str], port: int) -> None:
        self._waiting, self._port = deque(addresses), port
        self._running: dict[int, tuple[socket.socket, str]] = {}  # by descriptor
        self._lost: dict[str, str] = {}
        self._poll = select.poll()
        self._shortage: OSError | None = None

    def run(self, timeout: float, clock: Callable[[], float]) -> tuple[socket.socket, str]:
        delay = min(DELAY, timeout / (len(self._waiting) + 1))  # each gets its chance, also when there is little time
        start = clock()
        end, turn = start + timeout, start
        while self._waiting or self._running:
            now = clock()
            if self._waiting and (now >= turn or not self._running):
                turn = now + delay
                if (winner := self._start(self._waiting.popleft())) is not None:
                    return winner
                continue
            if now >= end:
                break
            until = min(turn, end) if self._waiting else end
            for number, _ in self._poll.poll(max(until - now, 0.0) * 1000 + 1):
                if (winner := self._finished(number)) is not None:
                    return winner
                turn = clock()  # one has failed: the next need not wait
        self._lost |= dict.fromkeys((address for _, address in self._running.values()), f"did not answer within {timeout:.0f} seconds")
        if self._shortage is not None:
            raise self._shortage
        raise NobodyAnswers(self._lost)

    def close(self) -> None:
        """Close all but the winner."""
        for sock, _ in self._running.values():
            sock.close()
        self._running.clear()

    def _start(self, address: str) -> tuple[socket.socket, str] | None:
        family, place = _place(address, self._port)
        try:
            sock = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:  # a machine without IPv6, or without descriptors
            self._lost[address] = _reason(error.errno or 0)
            self._shortage = error if is_shortage(error) else self._shortage
            return None
        if is_of_reserve(sock.fileno()):
            sock.close()
            self._shortage = OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            return None
        self._running[sock.fileno()] = (sock, address)
        sock.setblocking(False)
        code = sock.connect_ex(place)
        if code in (errno.EINPROGRESS, errno.EWOULDBLOCK):
            self._poll.register(sock.fileno(), select.POLLOUT)
            return None
        return self._end(sock.fileno(), code)

    def _finished(self, number: int) -> tuple[socket.socket, str] | None:
        sock, _ = self._running[number]
        self._poll.unregister(number)
        return self._end(number, sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))

    def _end(self, number: int, code: int) -> tuple[socket.socket, str] | None:
        sock, address = self._running.pop(number)
        if code == 0:
            sock.setblocking(True)
            return sock, address
        sock.close()
        self._lost[address] = _reason(code)
        if is_shortage(error := OSError(code, os.strerror(code))):
            self._shortage = error
        return None


def _place(address: str, port: int) -> tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int]]:
    """Family and socket address, without asking a resolver."""
    host, _, zone = address.partition("%")
    if not isinstance(ip_address(host), IPv6Address):
        return socket.AF_INET, (host, port)
    try:
        scope = int(zone) if zone.isdigit() else socket.if_nametoindex(zone) if zone else 0
    except OSError:
        scope = 0  # no such interface: connecting says so
    return socket.AF_INET6, (host, port, 0, scope)


def _reason(code: int) -> str:
    return f"cannot be reached: {os.strerror(code)}"
