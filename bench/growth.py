"""Whether a message costs the same in a large store: a thousand stored messages against many."""

from __future__ import annotations

import os
from collections.abc import Iterator
from statistics import median

from .load import rate, send
from .servers import postroom, stored_by_postroom
from .table import Row

MANY = int(os.environ.get("POSTROOM_BENCH_STORED", "200000"))  # set it to 1000000 for the long run
FEW = 1000
SAMPLE = 3000  # messages of one measurement
ROUNDS = 3


def growing() -> Iterator[Row]:
    """Acceptance with a thousand messages in store, and with MANY."""
    with postroom() as server:
        port, count = server.ports["SMTP"], stored_by_postroom(server)
        send(port, FEW, 20)
        few = median(rate(port, SAMPLE, 20, count) for _ in range(ROUNDS))
        while (missing := MANY - count()) > 0:
            send(port, min(missing, 20_000), 20)
        many = median(rate(port, SAMPLE, 20, count) for _ in range(ROUNDS))
    slower = (few / many - 1) * 100
    what = f"acceptance with {MANY:,} stored messages against {FEW:,}"
    yield Row(what, f"{many:,.0f}/s", f"{few:,.0f}/s", f"{slower:+.0f} % slower", "≤ 10 % slower", slower <= 10)
