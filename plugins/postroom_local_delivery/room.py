"""Mail for a mailbox that is full is refused while the sending server can still keep it."""

from __future__ import annotations

from collections.abc import Callable

from postroom.mail.delivery import Refuse, Route, ToMailbox
from postroom.mail.reply import Reply
from postroom.store.directory import Directory

FULL = Reply(452, "4.2.2", "The mailbox is full, try again later")  # RFC 3463 3.3: X.2.2


def while_room(route: Route, size: int, directory: Directory, has_room: Callable[[int, int], bool]) -> Route:
    """The route, or one that refuses where it leads into one mailbox only and that is full.

    ``size``: of the message, 0 when it is not known yet. ``has_room``: asked (account id, bytes) for accounts with a quota only. One full
    mailbox of many, as of a list, takes its copy all the same: the others must not have to wait for it, nor get it twice.
    """
    target = route.targets[0] if len(route.targets) == 1 else None
    if not isinstance(target, ToMailbox):
        return route
    user = directory.users.get(target.name)
    if user is None or not user.bounded or has_room(target.account, max(size, 1)):
        return route
    return Route((Refuse(FULL),), (*route.reasons, f"the quota of user {target.name} is used up"), inbound=route.inbound)
