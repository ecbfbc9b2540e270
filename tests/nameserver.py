"""A small DNS server on a port of 127.0.0.1 (UDP and TCP), in a thread, for tests and benchmarks.

    with NameServer({"d.test": {"MX": ["10 mx.d.test."]}, "mx.d.test": {"A": ["127.0.0.1"], "AAAA": ["::1"]}}) as server:
        Resolver([server.address]).mx("d.test")

A zone is a table of names, each with its records by type as a zone file has them, without a TTL. CNAMEs are followed as a resolver does.
What is not in it is NXDOMAIN. A name may stand for trouble instead: the values SERVFAIL, REFUSED, FORMERR and so on (any rcode), DROP (no
answer at all), TRUNCATED (by UDP nothing but the sign that it is cut), GARBAGE (bytes that are no message).
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Self

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

DROP, TRUNCATED, GARBAGE = "DROP", "TRUNCATED", "GARBAGE"
SOA = "ns.test. hostmaster.test. 1 3600 600 86400 {negative}"
CHAIN = 8  # CNAMEs at most

Records = Mapping[str, Sequence[str]]
Zone = Mapping[str, Records | str]


class NameServer:
    """Answers from ``zone``. ``secure``: names whose answers are said to be validated (AD), or "*"; ``delay``: seconds before each answer.

    ``counts`` has the questions by (name, type), ``by_tcp`` those that came by TCP, ``zone`` may be changed at any time (call ``changed``).
    """

    def __init__(self, zone: Zone, *, secure: Iterable[str] = (), ttl: int = 300, negative: int = 60, delay: float = 0.0) -> None:
        self.zone = dict(zone)
        self.secure, self.ttl, self.negative, self.delay = set(secure), ttl, negative, delay
        self.truncated: set[str] = set()  # names whose true answer comes by TCP only
        self.counts: Counter[tuple[str, str]] = Counter()
        self.by_tcp: Counter[tuple[str, str]] = Counter()
        self.questions: list[dns.message.Message] = []  # the last ones, whole
        self._ready: dict[tuple[str, str, bool], bytes] = {}
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.port = self._bind()
        self.address = f"127.0.0.1:{self.port}"
        self._open = True
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._serve_udp, self._serve_tcp)]

    def _bind(self) -> int:
        """One port for both; TCP's may be taken while UDP's is free."""
        for _ in range(50):
            self._tcp.bind(("127.0.0.1", 0))
            port: int = self._tcp.getsockname()[1]
            try:
                self._udp.bind(("127.0.0.1", port))
            except OSError:
                self._tcp.close()
                self._tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
                continue
            self._tcp.listen(64)
            self._udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            return port
        raise OSError("no port is free for both UDP and TCP")

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._open = False
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", ("127.0.0.1", self.port))
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=5):
            pass
        for thread in self._threads:
            thread.join(10)
        self._udp.close()
        self._tcp.close()

    def changed(self) -> None:
        """The zone, or what is secure, has changed: forget the answers that were made."""
        self._ready.clear()

    @property
    def asked(self) -> int:
        """Questions altogether."""
        return sum(self.counts.values())

    # --- the two ways in ---

    def _serve_udp(self) -> None:
        while self._open:
            data, client = self._udp.recvfrom(4096)
            answer = self._answer(data, tcp=False) if data else None
            if answer is not None:
                with contextlib.suppress(OSError):
                    self._udp.sendto(answer, client)

    def _serve_tcp(self) -> None:
        while self._open:
            client, _ = self._tcp.accept()
            with client, contextlib.suppress(OSError):
                client.settimeout(5)
                head = client.recv(2, socket.MSG_WAITALL)
                if len(head) == 2:
                    answer = self._answer(client.recv(struct.unpack("!H", head)[0], socket.MSG_WAITALL), tcp=True)
                    if answer is not None:
                        client.sendall(struct.pack("!H", len(answer)) + answer)

    # --- answers ---

    def _answer(self, data: bytes, *, tcp: bool) -> bytes | None:
        """The answer to one message. Those of known questions are made once: only their id differs."""
        end = data.find(b"\0", 12) + 5  # of the question: name, type, class
        key = (data[12:end].decode("latin-1").lower(), "edns" if data[11] else "", tcp)
        query = None
        if key not in self._ready or len(self.questions) < 100:
            query = dns.message.from_wire(data)
            self.questions.append(query)
            del self.questions[:-200]
        name, kind = _question(data, end)
        (self.by_tcp if tcp else self.counts)[name, kind] += 1
        if tcp:
            self.counts[name, kind] += 1
        if self.delay:
            time.sleep(self.delay)
        trouble = self.zone.get(name)
        if trouble == DROP:
            return None
        if trouble == GARBAGE:
            return data[:2] + b"\xff" * 30
        if key not in self._ready:
            self._ready[key] = self._made(query or dns.message.from_wire(data), name, kind, tcp=tcp).to_wire(max_size=65_535)
        return data[:2] + self._ready[key][2:]

    def _made(self, query: dns.message.Message, name: str, kind: str, *, tcp: bool) -> dns.message.Message:
        reply = dns.message.make_response(query, recursion_available=True)
        trouble = self.zone.get(name)
        if (trouble == TRUNCATED or name in self.truncated) and not tcp:
            reply.flags |= dns.flags.TC
            return reply
        if isinstance(trouble, str) and trouble != TRUNCATED:
            reply.set_rcode(dns.rcode.from_text(trouble))
            return reply
        names = self._fill(reply, name, kind)
        if "*" in self.secure or self.secure.issuperset(names):
            reply.flags |= dns.flags.AD
        return reply

    def _fill(self, reply: dns.message.Message, name: str, kind: str) -> list[str]:
        """Put in the records of the name, following CNAMEs; the names that were passed."""
        names = [name]
        for _ in range(CHAIN):
            records = self.zone.get(names[-1])
            if records is None:
                reply.set_rcode(dns.rcode.NXDOMAIN)
                break
            found = records.get(kind, ()) if isinstance(records, Mapping) else ()
            alias = records.get("CNAME", ()) if isinstance(records, Mapping) and not found else ()
            if found or not alias:
                reply.answer += [_rrset(names[-1], self.ttl, kind, found)] if found else []
                break
            reply.answer.append(_rrset(names[-1], self.ttl, "CNAME", alias))
            names.append(alias[0].lower().rstrip("."))
        if not any(one.rdtype == dns.rdatatype.from_text(kind) for one in reply.answer):
            reply.authority.append(_rrset("test", self.negative, "SOA", [SOA.format(negative=self.negative)]))
        return names


def _rrset(name: str, ttl: int, kind: str, records: Sequence[str]) -> dns.rrset.RRset:
    return dns.rrset.from_text_list(dns.name.from_text(name), ttl, dns.rdataclass.IN, kind, records)


def _question(data: bytes, end: int) -> tuple[str, str]:
    labels, at = [], 12
    while data[at]:
        labels.append(data[at + 1 : at + 1 + data[at]].decode("latin-1").lower())
        at += data[at] + 1
    kind = struct.unpack("!H", data[end - 4 : end - 2])[0]
    return ".".join(labels), dns.rdatatype.to_text(kind)
