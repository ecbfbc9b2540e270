"""One HTTPS request to a server that a stranger has named: no redirects, no proxy, bounded in bytes and in time altogether."""

from __future__ import annotations

import io
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Any

from ..dns import DnsFailure, Resolver
from ..shortage import is_shortage, shortage

ADDRESSES = 4  # of a host that are tried at most
HEAD = 32 * 1024  # bytes of status and header at most
AGENT = "Postroom"


class HttpsFailed(Exception):
    """No answer; the text says why.

    ``untrusted``: the server's certificate is not valid for its name; ``local``: this machine has no socket left to ask with.
    """

    def __init__(self, words: str, *, untrusted: bool = False, local: bool = False) -> None:
        super().__init__(words)
        self.untrusted, self.local = untrusted, local


@dataclass(frozen=True, slots=True)
class HttpsAnswer:
    """Status, media type in lower case without parameters, and the body (of an answer with the status 200 only)."""

    status: int
    media_type: str
    body: bytes


class Https:
    """Asks servers.

    ``timeout``: seconds for a whole request; ``limit``: bytes of a body; ``ca``: issuers in place of the system's; ``may``: which
    addresses may be asked.
    """

    def __init__(
        self,
        resolver: Resolver,
        *,
        ca: Path | None = None,
        verify: bool = True,
        timeout: float = 60.0,
        limit: int = 64 * 1024,
        may: Callable[[str], bool] = lambda address: True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._resolver, self._ca, self._verify, self._may = resolver, ca, verify, may
        self._timeout, self._limit, self._clock = timeout, limit, clock
        self._context: ssl.SSLContext | None = None

    def get(self, host: str, path: str, *, port: int = 443) -> HttpsAnswer:
        """What is at ``path``. Raises HttpsFailed."""
        return self._request(host, port, _head("GET", host, port, path, {"Accept": "text/plain"}), b"")

    def post(self, host: str, path: str, body: bytes, media_type: str, *, port: int = 443) -> HttpsAnswer:
        """The answer to ``body``. Raises HttpsFailed."""
        headers = {"Content-Type": media_type, "Content-Length": str(len(body))}
        return self._request(host, port, _head("POST", host, port, path, headers), body)

    def _request(self, host: str, port: int, head: bytes, body: bytes) -> HttpsAnswer:
        end = self._clock() + self._timeout
        try:
            with closing(self._connected(host, port, end)) as sock:
                sock.settimeout(max(end - self._clock(), 0.001))
                sock.sendall(head + body)
                return self._answer(_Bounded(sock, end, self._clock, HEAD + self._limit), head[:4] != b"POST")
        except ssl.SSLCertVerificationError as error:
            words = f"the certificate of {host} is not valid: {error.verify_message}"
            raise HttpsFailed(
                words, untrusted=True, local=shortage() is not None
            ) from error  # a file of issuers that cannot be opened counts as none
        except ssl.SSLError as error:
            raise HttpsFailed(f"no TLS with {host}: {(error.reason or str(error)).replace('_', ' ').lower()}") from error
        except TimeoutError as error:
            raise HttpsFailed(f"{host} did not answer within {self._timeout:.0f} seconds") from error
        except (OSError, HTTPException, ValueError) as error:
            raise HttpsFailed(f"{host}: {str(error) or type(error).__name__}", local=is_shortage(error)) from error

    def _connected(self, host: str, port: int, end: float) -> ssl.SSLSocket:
        """TLS to the first address that takes the connection."""
        try:
            addresses = list(filter(self._may, self._resolver.addresses(host)))[:ADDRESSES]
        except DnsFailure as error:
            raise HttpsFailed(str(error), local=error.local) from error
        if not addresses:
            raise HttpsFailed(f"{host} has no address that may be asked")
        failure: OSError = OSError("no address")
        for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            try:
                sock = socket.create_connection((address, port), timeout=max((end - self._clock()) / left, 0.001))
            except OSError as error:
                failure = error
                continue
            return self._encrypted(sock, host, end)
        raise failure

    def _encrypted(self, sock: socket.socket, host: str, end: float) -> ssl.SSLSocket:
        wrapped: Any = sock
        done = False
        try:
            sock.settimeout(max(end - self._clock(), 0.001))
            wrapped = self._tls().wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
            wrapped.do_handshake()
            done = True
        finally:
            if not done:
                wrapped.close()
        return wrapped  # type: ignore[no-any-return]

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            context = ssl.create_default_context(cafile=str(self._ca) if self._ca else None)
            if (lack := shortage()) is not None:  # then the system's issuers may be missing in it, silently
                raise lack
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.hostname_checks_common_name = False  # RFC 8461 section 3.3: the certificate's list of names alone counts
            if not self._verify:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            self._context = context
        return self._context

    def _answer(self, source: _Bounded, wanted: bool) -> HttpsAnswer:
        response = HTTPResponse(source)  # type: ignore[arg-type]  # it only calls makefile()
        try:
            response.begin()
            media_type = (response.getheader("Content-Type") or "").partition(";")[0].strip().lower()
            body = response.read(self._limit + 1) if wanted and response.status == 200 else b""
        finally:
            response.close()
        if len(body) > self._limit:
            raise HttpsFailed(f"the answer is longer than {self._limit} bytes")
        return HttpsAnswer(response.status, media_type, body)


def is_public(address: str) -> bool:
    """False for this machine and networks behind it, which what strangers write must not reach."""
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return found.is_global and not found.is_multicast


class _Bounded(io.RawIOBase):
    """Reads from a socket, no longer than until ``end`` and no more than ``limit`` bytes; what HTTPResponse takes for a socket."""

    def __init__(self, sock: Any, end: float, clock: Callable[[], float], limit: int) -> None:
        super().__init__()
        self._sock, self._end, self._clock, self._left = sock, end, clock, limit

    def makefile(self, mode: str) -> io.BufferedReader:
        """Itself, buffered."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """What comes next."""
        left = self._end - self._clock()
        if left <= 0:
            raise TimeoutError
        if self._left <= 0:
            raise HTTPException("the answer is too long")
        self._sock.settimeout(left)
        count: int = self._sock.recv_into(buffer)
        self._left -= count
        return count


def _head(method: str, host: str, port: int, path: str, headers: Mapping[str, str]) -> bytes:
    named = host if port == 443 else f"{host}:{port}"
    lines = [f"{method} {path} HTTP/1.1", f"Host: {named}", f"User-Agent: {AGENT}", "Connection: close"]
    lines += [f"{key}: {value}" for key, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("ascii")
