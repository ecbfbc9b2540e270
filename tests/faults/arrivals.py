"""A next hop that notes when each message came, and a server that sends other domains' mail there."""

from __future__ import annotations

import time

from bench.sink import Sink, Taken
from tests.faults.load import TOKEN, Load
from tests.nameserver import NameServer

CONCURRENCY = 5  # connections of a worker to the next hop


class Arrivals(list[Taken]):
    """What the sink has got, with times."""

    def __init__(self) -> None:
        super().__init__()
        self.times: dict[str, list[float]] = {}

    def append(self, taken: Taken) -> None:
        """Note the time as well."""
        match = TOKEN.search(taken.content)
        assert match is not None
        self.times.setdefault(match[1].decode(), []).append(time.monotonic())
        super().append(taken)


def relaying(sink: Sink) -> dict[str, object]:
    """Two workers that send other domains' mail to the sink."""
    sender = {"name": "Sink", "servers": [f"127.0.0.1:{sink.port}"], "encryption": "none", "concurrency": CONCURRENCY}
    return {
        "server": {"workers": 2, "stop_timeout": "2s"},
        "plugins": {"smtp_relay": {"senders": [sender]}},
        "connections": [{"name": "Internet", "sender": "Sink", "default": True, "immediate": True}],
    }


def sending_directly(sink: Sink, names: NameServer) -> dict[str, object]:
    """The same, but they look up where it goes: to the sink."""
    section = {"name": "Sink", "port": sink.port, "dns_servers": [names.address], "concurrency": CONCURRENCY, "tls": {"mta_sts": False}}
    return relaying(sink) | {"plugins": {"smtp_direct": section}}


def wait_for_relaying(load: Load, sink: Sink, wanted: set[str], seconds: float = 90.0) -> None:
    """What was accepted reaches the next hop: mail of the dead is taken over."""
    deadline = time.monotonic() + seconds
    arrivals = sink.messages
    assert isinstance(arrivals, Arrivals)
    while wanted - set(arrivals.times):
        assert time.monotonic() < deadline, f"{len(wanted - set(arrivals.times))} of {len(wanted)} were never relayed"
        time.sleep(0.05)
    load.check(taken.content for taken in arrivals)
