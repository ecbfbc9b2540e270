"""Mail that plugins put off again and again: its sender hears of the delay, and in the end gets it back, as of any mail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..mail.delivery import NotNow, Outcome, TryLater
from ..mail.reply import Reply
from .bounce import wanted
from .outcome import WORDS, put_off

if TYPE_CHECKING:
    from ..sending.retry import Retry
    from .letter import Addressee
    from .outcome import Finished

REPLY = Reply(451, "4.3.0", "The server of the sender has put the message off")


def noticed(finished: Finished, retry: Retry) -> None:
    """Where nobody was tried and none of it was to wait in silence, what is due to its sender becomes an outcome that tells.

    The look itself still counts as no attempt, and the next one comes when it would have come.
    """
    since, addressees = finished.task.letter.since, finished.task.addressees
    over = retry.next_try(since, 1, finished.at, 0) is None
    if finished.gives_way or not (over or retry.warns(since, finished.at)):
        return
    left = {number: put_off(one, finished.at) for number, one in finished.outcomes.items() if isinstance(one, NotNow)}
    if len(left) < len(addressees) or any(one.quiet for one in left.values()):
        return
    told: dict[int, Outcome] = {
        one.id: TryLater(REPLY, how=left[one.id].reason[:WORDS], ours=True) for one in addressees if over or _unwarned(one)
    }
    if told:
        finished.outcomes = {**left, **told}
        finished.untried = int(min(one.until for one in left.values()) * 1000)


def _unwarned(addressee: Addressee) -> bool:
    return not addressee.warned and wanted(addressee.notify, "delay")
