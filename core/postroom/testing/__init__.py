"""For the tests of plugins: a whole server in miniature, and fakes of what it would otherwise need from outside."""

from .clock import Clock
from .miniature import Miniature
from .peer import Peer
from .plugins.outbox import Outbox, Sent
from .resolver import FakeResolver
from .values import client, message

__all__ = ["Clock", "FakeResolver", "Miniature", "Outbox", "Peer", "Sent", "client", "message"]
