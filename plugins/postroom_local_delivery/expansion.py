"""Follows one recipient through mappings, users, lists, assistants and forwards to all its targets.

An arriving address meets the mappings first, then users and lists, then its plus-address, the administrator (for postmaster
and abuse), and last the catch-all mappings. The first of these steps that knows the name decides; of the mappings all that
match apply. A name inside a list, mapping, assistant or forward meets users and lists before the mappings.

Each name is followed once, so the work is bounded by the size of the directory, whatever leads where.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from postroom.mail.address import split
from postroom.mail.delivery import Discard, ToMailbox, ToQueue
from postroom.mail.local_domains import LocalDomains, fold_domain, fold_name
from postroom.mail.reply import Reply
from postroom.sending.lan import LAN
from postroom.sending.servers import LoginServer
from postroom.sending.targets import is_target, parse_target, shown
from postroom.store.directory import Directory, User

from .gathering import BAD_TARGET, DISABLED, LOCAL_ONLY, NO_LAN, NOT_HERE, TOO_DEEP, Gathering, Refused
from .mappings import Mappings, Match
from .settings import Settings

REMOTE = "*remote"  # a mapping's target: the address is another server's after all
Lock = Callable[[LoginServer], str]  # the text for ``ToQueue.via``
RESPONSIBLE = frozenset(("postmaster", "abuse"))  # RFC 5321 section 4.5.1, RFC 2142 sections 4 and 5


@dataclass(frozen=True, slots=True)
class Origin:
    """What routing wants to know of the sender."""

    local: bool  # a user, or a client that may send anywhere
    sender: str = ""  # account name, or the address of somebody else; folded


@dataclass(frozen=True, slots=True)
class Place:
    """A local address on its way through the steps."""

    local: str  # as written
    domain: str  # folded
    name: str  # folded local part

    @property
    def address(self) -> str:
        """The address as it would be written."""
        return f"{self.local}@{self.domain}"


class Expansion:
    """The walk for one recipient; ``found`` is its outcome."""

    def __init__(
        self,
        directory: Directory,
        mappings: Mappings,
        domains: LocalDomains,
        origin: Origin,
        settings: Settings,
        lock: Lock | None = None,
    ) -> None:
        self.directory, self.mappings, self.domains = directory, mappings, domains
        self.origin, self.settings = origin, settings
        self.lock = lock  # for targets SMTP:…; None: LAN forwarding is off
        self.found = Gathering(settings.max_targets)
        self.depth = 0
        self.folder = "INBOX"  # another one below a plus-address
        self.assisting = False  # below an assistant, whose own assistants do not count
        self.busy: set[str] = set()  # users on the way down to here
        self.done: set[tuple[str, ...]] = set()

    def arrive(self, address: str) -> None:
        """Follow the address that mail comes in for. Raises Refused."""
        place = self._place(address)
        if not self.domains.covers(place.name, place.domain):
            self.found.unclaimed[place.address] = None
            self._out(address, f"{place.domain} is not a domain of this server: the mail goes out")
            return
        steps = (self._mapped, self._named, self._tagged, self._responsible, self._caught)
        if not any(step(place) for step in steps):
            self._unrecognised(place)

    def lead(self, text: str) -> None:
        """Follow a name or address that a mapping, list, assistant or forward leads to. Raises Refused."""
        if is_target(text):
            self._to_server(text)
            return
        if self.depth >= self.settings.max_depth:
            self.found.say(f"{text} is more than {self.settings.max_depth} levels of lists, mappings and forwards away")
            raise Refused(TOO_DEEP)
        self.depth += 1
        place = self._place(text)
        steps = (self._named, self._mapped, self._tagged, self._responsible, self._caught)
        if not self.domains.covers(place.name, place.domain):
            self._out(place.address, f"{text} is on another server: the mail goes out")
        elif not any(step(place) for step in steps):
            self._unrecognised(place)
        self.depth -= 1

    # --- the steps: True when the name is known here, whatever comes of it ---------------------------------------------

    def _mapped(self, place: Place) -> bool:
        return self._apply(self.mappings.matching(place.name, place.domain), place)

    def _caught(self, place: Place) -> bool:
        return self._apply(self.mappings.catching(place.domain), place)

    def _named(self, place: Place) -> bool:
        user = self.directory.users.get(place.name)
        if user is not None:
            if self.depth or not self.settings.disable_default_user_mappings:
                self._user(user)
                return True
            self.found.say(f"{user.name} is a user, but without a mapping: default user mappings are disabled")
        return self._list(place.name)

    def _tagged(self, place: Place) -> bool:
        separator = self.settings.plus_separator
        base, _, tag = place.local.partition(separator) if separator else (place.local, "", "")
        if not base or base == place.local or base.startswith('"'):
            return False
        self.found.say(f"nothing is named {place.local}: is it {base} with the tag {tag}?")
        stem = Place(base, place.domain, fold_name(base))
        before, self.folder = self.folder, tag if self.settings.plus_folder and tag else self.folder
        steps = (self._named, self._mapped) if self.depth else (self._mapped, self._named)
        known = any(step(stem) for step in steps)
        self.folder = before
        return known

    def _responsible(self, place: Place) -> bool:
        user = self.directory.users.get(self.directory.administrator or "")
        if place.name not in RESPONSIBLE or user is None:
            return False
        self.found.say(f"nothing is named {place.name}: the main administrator gets its mail")
        self._user(user)
        return True

    def _unrecognised(self, place: Place) -> None:
        self.found.unclaimed[place.address] = None
        if self.origin.local and self.settings.unrecognised_to_outgoing:
            self._out(place.address, f"nothing is named {place.local}, and such mail goes out when it is sent locally")
            return
        self.found.unknown = True
        # The address in the reply is the client's own, or a member's name that it need not learn.
        reply = Reply(550, "5.1.1", "Recipient unknown" if self.depth else f"<{place.address}> is unknown here")
        self.found.refuse(reply, f"nothing is named {place.local} at {place.domain}")

    # --- what names stand for -------------------------------------------------------------------------------------------

    def _apply(self, matches: list[Match], place: Place) -> bool:
        for match in matches:
            if not self._once("mapping", match.pattern, place.name, place.domain):
                self.found.refuse(TOO_DEEP, f"mapping {match.pattern} has been followed already")
                continue
            self.found.say(f"mapping {match.pattern} → {', '.join(map(shown, match.targets))}")
            for target in match.targets:
                if target.lower() == REMOTE:
                    self._remote(place)
                else:
                    self.lead(target)
        return bool(matches)

    def _remote(self, place: Place) -> None:
        if self.origin.local:
            self._out(place.address, "*REMOTE: locally sent mail goes out")
        else:
            self.found.refuse(NOT_HERE, "*REMOTE: only locally sent mail goes out, and this mail is not")

    def _list(self, name: str) -> bool:
        members = self.directory.lists.get(name)
        if members is not None:
            self._members(name, members)
        elif name == "everyone":
            self._everyone()
        elif name == "no-one":
            self.found.add(Discard(), "list no-one: the mail is discarded")
        else:
            return False
        return True

    def _members(self, name: str, members: Iterable[str]) -> None:
        if self._once("list", name, "assisting" if self.assisting else ""):
            self.found.say(f"list {name}:")
            self._inside(members)
        else:
            self.found.refuse(TOO_DEEP, f"list {name} has been followed already")

    def _everyone(self) -> None:
        if self.settings.everyone_from == "local" and not self.origin.local:
            self.found.refuse(LOCAL_ONLY, "list everyone: only for mail that is sent locally")
            return
        self._members("everyone", [user.name for user in self.directory.users.values() if user.in_everyone and user.enabled])

    def _user(self, user: User) -> None:
        if not user.enabled:
            self.found.refuse(DISABLED, f"user {user.name} is disabled")
        elif user.name in self.busy:
            self._keep(user, "round in a circle, so it is kept: ")
        elif not user.assistants and not (user.use_forwarding and user.forward):
            self._keep(user)
        elif self._once("user", user.name, self.folder, "assisting" if self.assisting else ""):
            self.busy.add(user.name)
            if not self._assisted(user):
                self._forwarded(user)
            self.busy.discard(user.name)

    def _assisted(self, user: User) -> bool:
        """Copies to the assistants; True when the user gets nothing."""
        if not user.assistants or self.assisting:
            return False
        self.found.by_sender = True
        if self.origin.sender and self.origin.sender in map(self.domains.identity, user.assistants):
            self.found.say(f"the sender is an assistant of user {user.name}: no copies to assistants")
            return False
        what = "the mail goes to the assistants instead" if user.redirect_to_assistant else "copies go to the assistants"
        self.found.say(f"user {user.name}: {what}: {', '.join(map(shown, user.assistants))}")
        self.assisting = True
        self._inside(user.assistants)
        self.assisting = False
        return user.redirect_to_assistant

    def _forwarded(self, user: User) -> None:
        if not (user.use_forwarding and user.forward):
            self._keep(user)
            return
        self.found.say(f"user {user.name} forwards without a local copy:")
        self._inside(user.forward)

    def _keep(self, user: User, why: str = "") -> None:
        self.found.add(ToMailbox(user.id, user.name, self.folder), f"{why}user {user.name}, folder {self.folder}")

    def _out(self, address: str, reason: str) -> None:
        self.found.outward = self.found.outward or not self.depth
        self.found.add(ToQueue(address), reason)

    def _to_server(self, text: str) -> None:
        if self.lock is None:
            self.found.refuse(NO_LAN, "a target SMTP:… is for LAN forwarding, which is not available: the plugin lan_forwarding is not on")
            return
        try:
            target = parse_target(text)
        except ValueError as error:
            self.found.refuse(BAD_TARGET, f"a target SMTP:… cannot be used: {error}")
            return
        self.found.add(ToQueue(target.address, LAN, self.lock(target.server)), f"LAN forwarding of {target.address}: to {target.server}")

    def _inside(self, names: Iterable[str]) -> None:
        before, self.folder = self.folder, "INBOX"  # a tag belongs to the address that it came with
        for name in names:
            self.lead(name)
        self.folder = before

    def _once(self, *step: str) -> bool:
        new = step not in self.done
        self.done.add(step)
        return new

    def _place(self, text: str) -> Place:
        local, domain = split(text)
        return Place(local, fold_domain(domain) or self.domains.default, fold_name(local))
