"""What the queue holds in memory: letters (one message each), their addressees, and tasks (one attempt at one site)."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..mail.sending import ORDINARY
from ..provided import QueuedRecipient

# outgoing_recipient.state
WAITING, HELD, BOUNCING = 0, 1, 2  # BOUNCING: the administrator wants it reported and gone; any worker does it

# outgoing.held; what is held on a timer waits, with its next try at the end of the time
HELD_FOR_GOOD, HELD_ON_TIMER, HELD_BY_SURGE = 1, 2, 3

OUT = "out"  # the channel of the outgoing queue


@dataclass(slots=True)
class Letter:
    """One row of ``outgoing``. Times are milliseconds since 1970."""

    id: int  # the trace id
    blob_id: int
    prefix: bytes  # header lines put on top of the blob
    size: int  # of prefix and blob together
    sender: str
    user: str | None
    body: str
    smtputf8: bool
    requiretls: bool
    ret: str
    envid: str
    queued_at: int
    content: bytes | None = None  # the blob, when it is small
    priority: int = ORDINARY
    client_address: str = ""  # "": made by this server
    local_origin: bool = True  # False: somebody else's mail that goes on from here
    quiet: bool = False  # the sender may be forged: no reports
    delete_at: int = 0  # taken out then, 0 is never
    let_go_at: int = 0  # when it was let go after a hold, 0 is no hold
    recipients: int = 0  # for how many it was queued, by whatever way

    @property
    def since(self) -> int:
        """From when the time counts in which it is tried: what was held does not go back at its first failure."""
        return max(self.queued_at, self.let_go_at)


@dataclass(slots=True)
class Addressee:
    """One row of ``outgoing_recipient``."""

    id: int
    letter_id: int
    address: str  # where it goes
    original: str  # what the sender wrote; differs after an alias or a list
    notify: str = ""
    orcpt: str = ""
    attempts: int = 0
    warned: int = 0  # 1: the sender knows of the delay
    via: str = ""  # ToQueue.via
    last_try: int = 0  # ms since 1970, 0: not yet
    last_reply: str = ""  # what came of that, or why it was left

    def seen(self) -> QueuedRecipient:
        """As a sender sees it."""
        return QueuedRecipient(self.id, self.address, self.notify, self.orcpt, self.attempts, self.via, self.last_try / 1000)


@dataclass(slots=True)
class Task:
    """One attempt to come: a letter and those of its addressees that share a site."""

    letter: Letter
    site: str
    addressees: list[Addressee] = field(default_factory=list)
    reserved: int = 0  # the row of ``sent`` that counts it, for a sender with a rate
