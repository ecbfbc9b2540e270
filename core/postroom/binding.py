"""Listening sockets: opened once by the supervisor, inherited by all workers."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from _socket import getaddrinfo  # gevent's would start the hub in the supervisor, which must not have one when it forks
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

BACKLOG = 1024


class CannotListen(Exception):
    """An address cannot be listened on; the text says why and what to do."""


OF_PORTS = {
    errno.EADDRINUSE: "the port is in use; stop the other program or choose another port",
    errno.EACCES: "permission denied; ports below 1024 need root (see server.run_as) or a capability",
    errno.EADDRNOTAVAIL: "this machine does not have that address; 0.0.0.0 and [::] stand for all that it has",
    errno.EAFNOSUPPORT: "this machine has no IPv6; leave the address out",
}
OF_SOCKETS = {
    errno.EADDRINUSE: "the socket is in use; stop the other program or choose another path",
    errno.EACCES: "permission denied; the server must be able to write into its folder",
    errno.ENOENT: "its folder does not exist; make it",
}


@dataclass(frozen=True, slots=True)
class Address:
    """One ``listen`` entry of one service: what it was asked for, and by whom."""

    plugin: str
    service: int  # the service's id
    listen: str  # "host:port", "[v6]:port" or "unix:PATH"


def split(listen: str) -> tuple[str, int]:
    """The host (without brackets) and port of "host:port"."""
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)


def open_listening(listen: str, base: Path) -> socket.socket:
    """A listening socket; relative Unix paths are relative to ``base``. Raises CannotListen with the remedy."""
    try:
        return _open_unix(base / listen[5:]) if listen.startswith("unix:") else _open_inet(*split(listen))
    except OSError as error:
        raise CannotListen(f"cannot listen on {listen}: {_explain(error, listen)}") from error


def actual(listen: str, sock: socket.socket) -> str:
    """The address as people should see it: with the port that port 0 became."""
    if sock.family == socket.AF_UNIX:
        return listen
    host, port = sock.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _open_inet(host: str, port: int) -> socket.socket:
    family, _, _, _, where = getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(where)
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def _open_unix(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with contextlib.suppress(FileNotFoundError):
            if not path.is_socket() and path.lstat():
                raise OSError(errno.EEXIST, "there is something else of that name")
            if _answers(path):
                raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
            path.unlink()  # left behind by a server that is gone
        sock.bind(str(path))
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def _answers(path: Path) -> bool:
    path.stat()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True


def _explain(error: OSError, listen: str) -> str:
    if isinstance(error, socket.gaierror):
        return f"{error.strerror}; write an address of this machine, or 0.0.0.0 and [::] for all of them"
    remedies = OF_SOCKETS if listen.startswith("unix:") else OF_PORTS
    return remedies.get(error.errno or 0, error.strerror or str(error))


class Sockets(dict[Address, socket.socket]):
    """The listening sockets of the server, by who asked for them; ``base`` is what relative Unix paths are relative to."""

    def open(self, addresses: Iterable[Address], base: Path) -> None:
        """Open those that are not open yet, all or none. Raises CannotListen."""
        opened, wanted = [], tuple(addresses)
        try:
            for address in wanted:
                if address not in self:
                    self[address] = self._taken_over(address, wanted) or open_listening(address.listen, base)
                    opened.append(address)
        except CannotListen:
            for address in opened:
                self.pop(address).close()
            raise

    def keep(self, addresses: Iterable[Address], base: Path) -> None:
        """Close all others; the file of a Unix socket goes with it."""
        for address in set(self) - set(addresses):
            self.pop(address).close()
            if address.listen.startswith("unix:") and not any(other.listen == address.listen for other in self):
                with contextlib.suppress(OSError):  # privileges were dropped since it was made; the next start replaces it
                    (base / address.listen[5:]).unlink(missing_ok=True)

    def _taken_over(self, address: Address, wanted: tuple[Address, ...]) -> socket.socket | None:
        """The socket of a service that has listened there so far and will not any more: a reload may move a port."""
        if address.listen.endswith(":0"):
            return None  # each of these is a port of its own
        return next((sock.dup() for other, sock in self.items() if other.listen == address.listen and other not in wanted), None)
