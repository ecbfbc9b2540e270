"""What a recipient turns out to lead to: targets, refusals and reasons, gathered while names are followed."""

from __future__ import annotations

from dataclasses import dataclass

from postroom.mail.delivery import Refuse, Route, Target
from postroom.mail.reply import Reply

MAX_REASONS = 500  # the list everyone of a large server would fill pages

DISABLED = Reply(550, "5.2.1", "This mailbox is disabled")
TOO_DEEP = Reply(550, "5.4.6", "Error expanding recipient - nesting level too deep")
TOO_MANY = Reply(550, "5.3.4", "Error expanding recipient - too many recipients")
NO_LAN = Reply(550, "5.3.5", "This recipient's mail is for a server on the LAN, and LAN forwarding is not available")
BAD_TARGET = Reply(550, "5.3.5", "This recipient's mail is for a server on the LAN, and the target is written wrong")
NOT_HERE = Reply(550, "5.1.1", "This recipient's mailbox is on another server")
LOCAL_ONLY = Reply(550, "5.7.1", "Only local senders may send to this list")
EMPTY = Reply(550, "5.2.4", "This list has no members that can take mail")


class Refused(Exception):
    """The recipient as a whole must be refused; carries the reply."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.text)
        self.reply = reply


@dataclass(frozen=True, slots=True)
class Decision:
    """A route, and what it depends on."""

    route: Route
    by_sender: bool  # another sender might get another route
    unknown: bool  # refused because nothing has the name
    unclaimed: tuple[str, ...] = ()  # addresses that no user, mapping or list of this server has: a last resort may take them


class Gathering:
    """Targets in the order of finding, each once."""

    def __init__(self, max_targets: int) -> None:
        self.max_targets = max_targets
        self.targets: dict[Target, None] = {}
        self.refusals: list[Reply] = []
        self.reasons: list[str] = []
        self.unknown = False  # a name was met that nothing has
        self.unclaimed: dict[str, None] = {}
        self.by_sender = False
        self.outward = False  # the address itself is another server's, as opposed to one that a forward or list leads to

    def say(self, reason: str) -> None:
        """Note one decision, a sentence for ``postroom explain``."""
        if len(self.reasons) < MAX_REASONS:
            self.reasons.append(reason)
        elif len(self.reasons) == MAX_REASONS:
            self.reasons.append("… and so on")

    def add(self, target: Target, reason: str) -> None:
        """One more target. Raises Refused when there are too many."""
        self.say(reason)
        self.targets[target] = None
        if len(self.targets) > self.max_targets:
            raise Refused(TOO_MANY)

    def refuse(self, reply: Reply, reason: str) -> None:
        """A name that cannot take mail; it matters only when no other name can."""
        self.say(reason)
        self.refusals.append(reply)

    def decision(self) -> Decision:
        """The outcome. Names that cannot take mail are left out where others can: a stale list member must not stop a list."""
        if not self.targets:
            reply = self.refusals[0] if self.refusals else EMPTY
            route = Route((Refuse(reply),), tuple(self.reasons), inbound=True)
            return Decision(route, self.by_sender, self.unknown and reply.enhanced == "5.1.1", tuple(self.unclaimed))
        route = Route(tuple(self.targets), tuple(self.reasons), inbound=not self.outward)
        return Decision(route, self.by_sender, False, tuple(self.unclaimed))

    def refusal(self, refused: Refused) -> Decision:
        """The outcome when the recipient as a whole is refused."""
        self.say(f"the recipient is refused: {refused.reply.text}")
        return Decision(Route((Refuse(refused.reply),), tuple(self.reasons), inbound=True), self.by_sender, False)
