"""DNS without a network: a table of names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..dns import DnsFailure, Resolver


class FakeResolver(Resolver):
    """``hosts``: name to addresses. A name that is not in it does not exist; ``temporary`` names fail for now."""

    def __init__(self, hosts: Mapping[str, Sequence[str]] | None = None, temporary: Sequence[str] = ()) -> None:
        super().__init__()
        self.hosts = dict(hosts or {})
        self.temporary = set(temporary)

    def _ask_system(self, host: str) -> list[str]:
        name = host.lower().rstrip(".")
        if name in self.temporary:
            raise DnsFailure(f"the name {host} could not be resolved: no answer", temporary=True)
        if name not in self.hosts:
            raise DnsFailure(f"the name {host} does not exist", temporary=False)
        return list(self.hosts[name])
