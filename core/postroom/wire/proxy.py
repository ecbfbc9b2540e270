"""The PROXY protocol, versions 1 and 2, read strictly: who is really connected, as a trusted proxy says it.

Source: https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt, sections 2.1 and 2.2.
"""

from __future__ import annotations

import ipaddress
import re
import socket as sockets
from typing import Any, NamedTuple

from .stream import Disconnected

READ_BYTES = 4_096
SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
V1_MARK = b"PROXY "
V1_MOST = 107  # bytes with CRLF, section 2.1
V2_MOST = 2048  # addresses and TLVs; a certificate's common name and the like fit, a flood does not
V1_LINE = re.compile(rb"PROXY (TCP4|TCP6) ([0-9a-fA-F.:]+) ([0-9a-fA-F.:]+) (0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4})")
V2_FAMILIES = {0x11: 4, 0x21: 16}  # TCP over IPv4, over IPv6: bytes of an address
V2_SILENT = (0x00, 0x31)  # unspecified, Unix stream: there are no addresses to take over
LOCAL, PROXY = 0x20, 0x21  # version 2 and its commands


class BadHeader(Exception):
    """What a trusted proxy sent is no PROXY header; the connection must be closed (section 2)."""


class Endpoints(NamedTuple):
    """Both ends of the proxied connection."""

    address: str
    port: int
    local_address: str
    local_port: int


class Header(NamedTuple):
    """A complete header."""

    endpoints: Endpoints | None  # None: the proxy speaks for itself (health check), or does not know
    length: int  # bytes that it took


def read(sock: Any) -> Endpoints | None:
    """Read the header that must come first, and not one byte more: with TLS what follows is not ours to read.

    Raises BadHeader, Disconnected, and what the socket raises.
    """
    data = b""
    while True:
        waiting: bytes = sock.recv(READ_BYTES, sockets.MSG_PEEK)
        if not waiting:
            raise Disconnected
        header = None
        try:
            header = parse(data + waiting)
        finally:
            data += sock.recv(len(waiting) if header is None else header.length - len(data))
        if header is not None:
            return header.endpoints


def parse(data: bytes) -> Header | None:
    """The header at the start of ``data``, None while it is not complete. Raises BadHeader as soon as it cannot become one."""
    if data[:12] == SIGNATURE[: len(data)]:
        return _version_2(data) if len(data) >= 16 else None
    if data[:6] == V1_MARK[: len(data)]:
        return _version_1(data)
    raise BadHeader("not a PROXY header")


def _version_1(data: bytes) -> Header | None:
    end = data.find(b"\r\n", 0, V1_MOST)
    if end < 0:
        if len(data) >= V1_MOST:
            raise BadHeader("the line does not end within 107 bytes")
        return None
    line = data[:end]
    if line == b"PROXY UNKNOWN" or line.startswith(b"PROXY UNKNOWN "):
        return Header(None, end + 2)
    match = V1_LINE.fullmatch(line)
    if match is None:
        raise BadHeader("the line is malformed")
    family, source, destination, source_port, destination_port = (part.decode("ascii") for part in match.groups())
    parsed = ipaddress.IPv4Address if family == "TCP4" else ipaddress.IPv6Address
    try:
        endpoints = Endpoints(str(parsed(source)), int(source_port), str(parsed(destination)), int(destination_port))
    except ValueError as error:
        raise BadHeader(str(error)) from None
    if max(endpoints.port, endpoints.local_port) > 65535:
        raise BadHeader("a port is out of range")
    return Header(endpoints, end + 2)


def _version_2(data: bytes) -> Header | None:
    command, family, length = data[12], data[13], int.from_bytes(data[14:16], "big")
    if command not in (LOCAL, PROXY):
        raise BadHeader("unknown version or command")
    if length > V2_MOST:
        raise BadHeader("the header is too long")
    size = V2_FAMILIES.get(family, 0)
    if command == PROXY and (size * 2 + 4 > length if size else family not in V2_SILENT):
        raise BadHeader("unknown family, or too short for its addresses")
    if len(data) < 16 + length:
        return None
    if command == LOCAL or not size:
        return Header(None, 16 + length)
    body = data[16 : 16 + length]
    address, local_address = (str(ipaddress.ip_address(part)) for part in (body[:size], body[size : 2 * size]))
    ports = body[2 * size : 2 * size + 4]
    return Header(Endpoints(address, int.from_bytes(ports[:2], "big"), local_address, int.from_bytes(ports[2:], "big")), 16 + length)
