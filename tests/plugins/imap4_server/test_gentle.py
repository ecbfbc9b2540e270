"""Sorting in pieces is sorting."""

from __future__ import annotations

import random

import pytest

from postroom_imap4_server.gentle import PIECE, ordered


@pytest.mark.parametrize("count", [0, 1, PIECE, 3 * PIECE + 7])
@pytest.mark.parametrize("reverse", [False, True])
def test_it_is_stable_in_both_directions(count: int, reverse: bool) -> None:
    chance = random.Random(count)
    keys = [chance.randint(0, 50) for _ in range(count)]
    assert ordered(range(count), keys.__getitem__, reverse=reverse) == sorted(range(count), key=keys.__getitem__, reverse=reverse)
