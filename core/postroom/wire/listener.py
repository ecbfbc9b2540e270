"""One listening service in one worker: admits or refuses each client, hands it to the service, and drains at the end."""

from __future__ import annotations

import ipaddress
import socket as sockets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gevent

from ..ids import new_id, text
from ..mail.client import Client, TlsDetails
from . import proxy
from .acceptor import Acceptor
from .access import Decision, parse
from .admission import Admission, Counters, Refused
from .dialogue import Contexts
from .proxy import Endpoints
from .stream import Disconnected, Stream, TimedOut
from .tls import HandshakeFailed
from .watchdog import Watchdog

if TYPE_CHECKING:
    from ..metrics import Metrics
    from ..provided import Service

HELLO_SECONDS = 10.0  # for a proxy's header, and for a refused client to take its answer


@dataclass(slots=True, eq=False)
class Connection:
    """An open connection, as the registry of sessions has it."""

    stream: Stream
    greenlet: Any
    started: float  # epoch seconds
    client: Client | None = None  # None until it is admitted


class Listener:
    """``access(address)`` is what the access rules say; ``counters`` count over all workers. ``sessions``: what is open."""

    def __init__(
        self,
        service: Service,
        listening: Sequence[sockets.socket],
        *,
        tls: Contexts,
        access: Callable[[str], Decision],
        counters: Counters,
        log: Any,
        metrics: Metrics | None = None,
    ) -> None:
        settings = service.settings
        self.service = service
        self.sessions: set[Connection] = set()
        self._label = f"{service.protocol} {settings.id}"
        self._admission = Admission(self._label, service.limits, counters, access)
        self._proxies = [ipaddress.ip_network(network) for network in settings.proxy_from]
        self._tls = tls
        self._log, self._metrics = log, metrics
        self._watchdog = Watchdog()
        self._listening = listening
        self._refusal_logged = 0.0
        self._acceptors: list[Acceptor] = []

    def start(self) -> None:
        """Accept from now on."""
        self._acceptors = [Acceptor(sock, self._serve, self._report) for sock in self._listening]
        for acceptor in self._acceptors:
            acceptor.start()

    def stop_accepting(self) -> None:
        """Accept nothing more; the sessions go on."""
        for acceptor in self._acceptors:
            acceptor.stop()
        self._acceptors = []

    def drain(self, seconds: float) -> None:
        """Stop: sessions end before their next command, and those that are not over after ``seconds`` are cut off.

        May be called again, from another greenlet, with less patience.
        """
        self.stop_accepting()
        for connection in list(self.sessions):
            connection.stream.stop()
            if connection.client is None:  # still shaking hands: nothing has been promised to it
                connection.greenlet.kill(block=False)
        gevent.joinall([connection.greenlet for connection in self.sessions], timeout=seconds)
        gevent.killall([connection.greenlet for connection in self.sessions], timeout=1.0)

    def _serve(self, sock: Any, peer: Any) -> None:
        """One connection's whole life, in its own greenlet."""
        stream = Stream(sock, timeout=HELLO_SECONDS, watchdog=self._watchdog)
        connection = Connection(stream, gevent.getcurrent(), time.time())
        self.sessions.add(connection)
        try:
            with self._admission.place():
                ends, behind = self._ends(sock, peer)
                with self._admission.place_for(ends.address) as decision:
                    client = self._client(ends, decision._replace(no_auth=False) if behind else decision)
                    client.encryption = self.service.encryption(client)
                    if client.encryption == "tls":
                        client.tls = self._secure(stream)
                    connection.client = client
                    self.service.handle(stream, client)
        except Refused as refusal:
            self._refuse(stream, peer, refusal)
        except (Disconnected, TimedOut):
            pass  # it left before its session began
        except (proxy.BadHeader, HandshakeFailed, OSError) as error:
            self._count("failed")
            self._log.info("connection.failed", service=self._label, peer=_words(peer), reason=str(error))
        except Exception:  # the top of this greenlet
            self._log.exception("connection.broken", service=self._label, peer=_words(peer))
        finally:
            self.sessions.discard(connection)
            stream.close()

    def _ends(self, sock: Any, peer: Any) -> tuple[Endpoints, bool]:
        """Who is connected to what: as the socket says, or as a trusted proxy says.

        True when the proxy does not say: what its own address may do is not for a stranger who may be behind it.
        """
        if sock.family == sockets.AF_UNIX:
            return Endpoints("unix", 0, "unix", 0), False
        local = sock.getsockname()
        ends = Endpoints(plain(peer[0]), peer[1], plain(local[0]), local[1])
        if self._proxies and any(ipaddress.ip_address(ends.address) in network for network in self._proxies):
            with gevent.Timeout(HELLO_SECONDS, TimedOut):  # in all, for a header may drip
                proxied = proxy.read(sock)
            return (proxied._replace(address=plain(proxied.address)), False) if proxied else (ends, True)
        return ends, False

    def _secure(self, stream: Stream) -> TlsDetails:
        return stream.start_tls(self._tls.context(), server_side=True, timeout=self.service.limits.handshake)

    def _client(self, ends: Endpoints, rule: Decision) -> Client:
        settings = self.service.settings
        return Client(
            session=text(new_id()),
            protocol=self.service.protocol,
            address=ends.address,
            port=ends.port,
            local_address=ends.local_address,
            local_port=ends.local_port,
            service=settings.id,
            service_name=settings.name,
            allowed=rule.allowed,
            no_auth=rule.no_auth,
            only_users=rule.users,
        )

    def _refuse(self, stream: Stream, peer: Any, refusal: Refused) -> None:
        """Tell the client, where it can understand it: a client that waits for a TLS handshake cannot."""
        self._count(refusal.reason)
        if time.monotonic() - self._refusal_logged >= 1.0:  # a flood must not fill the log as well; the metric counts all
            self._refusal_logged = time.monotonic()
            self._log.warning("connection.refused", service=self._label, peer=_words(peer), reason=str(refusal))
        if self.service.settings.encryption != "tls":
            with suppress(Disconnected, TimedOut):
                stream.write(self.service.refuse(refusal.words))
                stream.flush()

    def _count(self, reason: str) -> None:
        if self._metrics is not None:
            self._metrics.count("connections_refused", service=self._label, reason=reason)

    def _report(self, words: str) -> None:
        self._log.error("listener.fault", service=self._label, reason=words)


def plain(address: str) -> str:
    """A textual address as the rules have it: without a zone, and IPv4 as IPv4 (a socket for both calls it ::ffff:…)."""
    return str(parse(address)) if address.startswith("::ffff:") else address.partition("%")[0]


def _words(peer: Any) -> str:
    return f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) else "unix"
