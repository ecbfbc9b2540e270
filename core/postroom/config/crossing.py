"""Checks between sections of the core: names that must be unique, names that must exist, certificates that must load."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ..mail.local_domains import LocalDomains
from ..sending.lan import LAN, PLUGIN, switched_on
from ..sending.schedule import DEFAULT, DENY
from .document import Location
from .schema import Config
from .wording import nearest

OTHER_KEY = ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED")  # words of OpenSSL; the last: a key of another kind


def across(config: Config) -> Iterator[tuple[Location, str]]:
    """Every problem between sections, with its place."""
    yield from repeated("connections", [connection.name for connection in config.connections])
    yield from repeated("schedule", [entry.name for entry in config.schedule])
    yield from _schedule(config)
    yield from _domains(config)
    yield from _lan(config)
    yield from _certificates(config)


def repeated(section: str, names: Sequence[str], key: str = "name") -> Iterator[tuple[Location, str]]:
    """A problem for each name that stood in the list before."""
    for index, name in enumerate(names):
        if name in names[:index]:
            yield (section, index, key), f"{name} is used twice; each {key} stands for one thing"


def _schedule(config: Config) -> Iterator[tuple[Location, str]]:
    names = [connection.name for connection in config.connections]
    has_default = any(connection.default for connection in config.connections)
    for index, connection in enumerate(names):
        if connection in (DEFAULT, DENY):
            yield ("connections", index, "name"), f"{connection} has a meaning of its own in the schedule; choose another name"
    for index, entry in enumerate(config.schedule):
        for number, name in enumerate(entry.connect):
            place = ("schedule", index, "connect") + ((number,) if len(entry.connect) > 1 else ())
            if name == DEFAULT and not has_default:
                yield place, "no connection is marked default: true"
            elif name not in {DEFAULT, DENY, *names}:
                yield place, f"there is no connection {name}" + nearest(name, [*names, DEFAULT, DENY])


def _domains(config: Config) -> Iterator[tuple[Location, str]]:
    """RFC 5321 section 4.5.1: mail for <postmaster> must be taken, and it is completed with the default domain."""
    default = config.domains.default
    if not LocalDomains(default, config.domains.local).has(f"postmaster@{default}"):
        yield ("domains", "default"), f"add {default} to domains.local: else mail for postmaster and names without a domain is refused"


def _lan(config: Config) -> Iterator[tuple[Location, str]]:
    """What LAN forwarding sends has its own queue: ordinary mail names no server for it. Its rules come before users."""
    if not switched_on(config):
        return
    order = list(config.plugins)
    if "local_delivery" in order[: order.index(PLUGIN)] and switched_on(config, "local_delivery"):
        yield ("plugins", PLUGIN), "must stand before local_delivery, which answers for every address, so that no rule would ever be asked"
    for index, connection in enumerate(config.connections):
        if connection.sender == LAN:
            yield ("connections", index, "sender"), f"{LAN} is the sender of LAN forwarding: it sends at once, by no connection"


def _certificates(config: Config) -> Iterator[tuple[Location, str]]:
    if config.tls.certificate and config.tls.key:
        yield from _pair(("tls", "certificate"), config.tls.certificate, config.tls.key)
    for index, item in enumerate(config.tls.sni):
        yield from _pair(("tls", "sni", index, "certificate"), item.certificate, item.key)


def _pair(place: Location, certificate: Path, key: Path) -> Iterable[tuple[Location, str]]:
    """A problem when the two files are no certificate and its key. An encrypted key is one, since nobody can type its password."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=b"")
    except ssl.SSLError as error:
        reason = "the key belongs to another certificate" if error.reason in OTHER_KEY else "not PEM, or the key has a password"
        return [(place, f"{certificate} and {key} cannot be used as certificate and key: {reason}")]
    return []
