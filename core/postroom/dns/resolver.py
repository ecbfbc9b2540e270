"""Names to records: by the servers of the configuration, or by the system's."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from ..shortage import is_shortage, shortage
from .answers import Answer, DnsFailure, Exchangers, Mx, Tlsa
from .asking import Questioner, Raw, no_socket
from .cache import Cache
from .names import address_in, is_host, is_this_machine, wire_name, wire_text
from .servers import SystemServers, Trust, named

if TYPE_CHECKING:
    from ..config.core_sections import DnsSettings

ADDRESS_KINDS = ("AAAA", "A")


class Resolver:
    """Asks ``servers`` ("ip" or "ip:port"), or those of the system when None, and keeps what they say for its TTL.

    ``timeout``: seconds for one question, with all tries. ``cache_size``: answers that are kept. ``trust_ad``: whether the servers'
    word that an answer is authentic (AD, RFC 4035) counts; "auto" believes servers on this machine, and resolv.conf where it says
    ``trust-ad``. ``shuffle`` changes a list in place. For the greenlets of one hub.
    """

    def __init__(
        self,
        servers: Sequence[str] | None = None,
        timeout: float = 10.0,
        *,
        cache_size: int = 10_000,
        trust_ad: Trust = "auto",
        shuffle: Callable[[list[Mx]], None] = random.shuffle,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if servers is None:
            self._servers = SystemServers(trust_ad).current
        else:
            fixed = named(servers, trust_ad)
            self._servers = lambda: fixed
        self._system = servers is None
        self._questioner = Questioner(self._servers, timeout)
        self._cache = Cache(cache_size, clock)
        self._shuffle = shuffle

    @classmethod
    def configured(cls, settings: DnsSettings, servers: Sequence[str] | None = None) -> Resolver:
        """By the section ``dns``; ``servers`` are those that a sender names for itself, None takes those of the section."""
        chosen = settings.servers if servers is None else servers
        return cls(chosen, cache_size=settings.cache_size, trust_ad=settings.trust_ad)

    # --- mail exchangers ---

    def mx(self, domain: str, *, fresh: bool = False) -> Exchangers:
        """Where mail for ``domain`` goes; ``servers`` is empty for a null MX only. Raises DnsFailure with the reason in words.

        ``fresh`` asks anew, here and below, whatever is kept.
        """
        address = address_in(domain)
        if address is not None or is_this_machine(domain):
            return Exchangers((Mx(0, address or domain.lower().rstrip(".")),), secure=False, name=domain, ttl=0.0, implicit=True)
        answer = self._found(domain, "MX", fresh)
        asked = wire_text(domain)
        if not answer.records:  # RFC 5321 section 5.1: the implicit MX, also for the target of a CNAME
            return Exchangers((Mx(0, asked),), answer.secure, answer.name, answer.ttl, implicit=True)
        servers: list[Mx] = list(answer.records)
        if [one.host for one in servers] == [""]:  # RFC 7505 section 3
            return Exchangers((), answer.secure, answer.name, answer.ttl, null=True)
        usable = [one for one in servers if is_host(one.host)]
        if not usable:
            raise DnsFailure(f"the mail servers of {domain} are not host names: {_listed(servers)}", temporary=False, kind="empty")
        self._shuffle(usable)  # RFC 5321 section 5.1: to spread the load over equal ones
        return Exchangers(tuple(sorted(usable, key=lambda one: one.preference)), answer.secure, answer.name, answer.ttl)

    # --- addresses ---

    def address_records(self, host: str, *, fresh: bool = False) -> Answer[str]:
        """The IPv6 and then the IPv4 addresses of ``host`` by the DNS alone; one family is enough. Raises DnsFailure when there is none."""
        address = address_in(host)
        if address is not None:
            return Answer((address,), secure=False, name=address, ttl=0.0)
        if is_this_machine(host):
            return Answer(tuple(self._ask_system(host)), secure=False, name=host.lower(), ttl=0.0)
        found: list[Raw] = []
        failure: DnsFailure | None = None
        for kind in ADDRESS_KINDS:
            try:
                found.append(self._found(host, kind, fresh))
            except DnsFailure as error:  # the other family counts all the same: there are servers that deny the name for the one they lack
                failure = error if failure is None or error.temporary else failure
        return _together(host, found, failure)

    def addresses(self, host: str, *, fresh: bool = False) -> list[str]:
        """The addresses of ``host`` (an address is its own) by the DNS, or by all the ways of the system when no servers were named.

        Raises DnsFailure with the reason in words.
        """
        address = address_in(host)
        if address is not None:
            return [address]
        if is_this_machine(host) or (self._system and (fresh or not self._has_looked_up(host))):
            return self._ask_system(host)
        return list(self.address_records(host, fresh=fresh).records)

    def _has_looked_up(self, host: str) -> bool:
        name = wire_text(host)
        return any(known is not None and known.records for known in (self._cache.known((name, kind)) for kind in ADDRESS_KINDS))

    def _ask_system(self, host: str) -> list[str]:
        if (lack := shortage()) is not None:  # getaddrinfo does not always tell
            raise no_socket(host, lack)
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except UnicodeError as error:  # a label of more than 63 octets, or none between two dots
            raise DnsFailure(f"{host} is not a host name", temporary=False, kind="name") from error
        except socket.gaierror as error:
            unknown = error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))
            words = f"the name {host} could not be resolved: {error.strerror}"
            raise DnsFailure(words, temporary=not unknown, kind="unknown" if unknown else "failed") from error
        except OSError as error:
            if not is_shortage(error):
                raise
            raise no_socket(host, error) from error
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))

    # --- records ---

    def tlsa(self, name: str, *, fresh: bool = False) -> Answer[Tlsa]:
        """The TLSA records of ``name`` ("_25._tcp.mx.example.net"), none if there are none. Raises DnsFailure when nobody can tell."""
        return self.lookup(name, "TLSA", fresh=fresh)

    def txt(self, name: str, *, fresh: bool = False) -> Answer[str]:
        """The TXT records of ``name``, the strings of each joined; none if there are none. Raises DnsFailure when nobody can tell."""
        return self.lookup(name, "TXT", fresh=fresh)

    def cname(self, name: str, *, fresh: bool = False) -> Answer[str]:
        """What ``name`` is an alias of, none if it is none: the first step alone, so that ``secure`` is about this step."""
        return self.lookup(name, "CNAME", fresh=fresh)

    def _found(self, name: str, kind: str, fresh: bool) -> Raw:
        """As ``lookup``, but a name that does not exist is a failure."""
        answer = self.lookup(name, kind, fresh=fresh)
        if not answer.exists:
            raise DnsFailure(f"the name {name} does not exist", temporary=False, kind="unknown")
        return answer

    def lookup(self, name: str, kind: str, *, fresh: bool = False) -> Raw:
        """Records of any kind; none for a name without them. Raises DnsFailure."""
        return self._cache.get((wire_text(name), kind), lambda: self._questioner.ask(wire_name(name), kind), fresh=fresh)


def _together(host: str, found: list[Raw], failure: DnsFailure | None) -> Answer[str]:
    """The answers for both families as one."""
    records: tuple[str, ...] = tuple(chain.from_iterable(answer.records for answer in found))
    if not records:
        if failure is not None:
            raise failure
        raise DnsFailure(f"the name {host} has no address", temporary=False, kind="empty")
    # A failed question for one family does not make the rest insecure: whoever can suppress it must not switch off DANE by that
    found = [answer for answer in found if answer.records]
    return Answer(records, all(answer.secure for answer in found), found[0].name, min(answer.ttl for answer in found))


def _listed(servers: list[Mx]) -> str:
    return ", ".join(one.host or "." for one in servers[:5])
