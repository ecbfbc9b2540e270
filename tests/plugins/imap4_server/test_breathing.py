"""Long answers give way: to timers and sockets, not only to greenlets that are ready already."""

from __future__ import annotations

import time
from typing import Any

from gevent import get_hub

from postroom_imap4_server.channel import Channel
from postroom_imap4_server.limits import ImapLimits

nothing: Any = None


def test_timers_run_while_somebody_works_on_and_breathes_between() -> None:
    channel, beats = Channel(nothing, ImapLimits(), nothing), []
    timer = get_hub().loop.timer(0.005, 0.005)
    timer.start(lambda: beats.append(time.monotonic()))
    for _ in range(10):
        begun = time.monotonic()
        while time.monotonic() - begun < 0.01:
            pass
        channel.breathe()
    timer.stop()
    assert len(beats) >= 5
