"""From the settings of a sender to the rules by which the queue works for it."""

from __future__ import annotations

from ..provided import SendingRules
from ..sending.retry import Retry
from ..sending.windows import Rate
from .core_sections import QueueSettings
from .senders import RetrySettings, SenderSettings


def sending_rules(sender: SenderSettings, queue: QueueSettings) -> SendingRules:
    """The rules of one sender; ``queue`` says what its own settings leave out."""
    rate = sender.rate
    return SendingRules(
        takes=sender.domain_filter or None,
        only_waiting=sender.only_waiting,
        smaller_first=sender.smaller_first,
        reverse=sender.reverse_order,
        rate=None if rate is None else Rate(rate.messages, rate.recipients, rate.per),
        retry=retry_of(sender.retry, queue),
        max_size=sender.max_message_size or 0,
        wait_for_login=sender.wait_for_login,
    )


def retry_of(own: RetrySettings, queue: QueueSettings) -> Retry:
    """When a sender tries again, warns and gives up."""
    return Retry(
        own.schedule or queue.retry,
        queue.give_up if own.give_up is None else own.give_up,
        queue.warn_after if own.warn_after is None else own.warn_after,
        own.unreachable or (),
    )
