"""A next hop that notes when each message came, and servers that send mail there, by one way or by three."""

from __future__ import annotations

import time
from collections.abc import Mapping

from bench.sink import Sink, Taken
from tests.faults.load import TOKEN, Load
from tests.nameserver import NameServer
from tests.server import ROOT

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


WAYS = {"relay": "zoe@sink.test", "direct": "zoe@elsewhere.example", "lan": "zoe@branch.example"}  # an address that leaves by each


def three_ways(ports: Mapping[str, int], names: NameServer, workers: int = 2) -> dict[str, object]:
    """Workers that send by a relay, directly and by LAN forwarding: each to one of these ports, whatever WAYS names."""
    relay = {"name": "Sink", "servers": [f"127.0.0.1:{ports['relay']}"], "encryption": "none", "concurrency": CONCURRENCY}
    direct = {"name": "Direct", "port": ports["direct"], "dns_servers": [names.address], "concurrency": CONCURRENCY}
    rule = {"addresses": "*@branch.example", "server": f"127.0.0.1:{ports['lan']}"}
    return {
        "server": {"workers": workers, "stop_timeout": "2s"},
        "plugin_dirs": [str(ROOT / "tests" / "interop" / "plugins")],
        "plugins": {
            "by_domain": {},
            "lan_forwarding": {"rules": [rule], "concurrency": CONCURRENCY},
            "local_delivery": {},
            "smtp_relay": {"senders": [relay]},
            "smtp_direct": {**direct, "tls": {"mta_sts": False}},
        },
        "connections": [{"name": "Internet", "sender": "Direct", "default": True, "immediate": True}],
    }


def wait_for_relaying(load: Load, sink: Sink, wanted: set[str], seconds: float = 90.0) -> None:
    """What was accepted reaches the next hop: mail of the dead is taken over."""
    deadline = time.monotonic() + seconds
    arrivals = sink.messages
    assert isinstance(arrivals, Arrivals)
    while wanted - set(arrivals.times):
        assert time.monotonic() < deadline, f"{len(wanted - set(arrivals.times))} of {len(wanted)} were never relayed"
        time.sleep(0.05)
    load.check(taken.content for taken in arrivals)
