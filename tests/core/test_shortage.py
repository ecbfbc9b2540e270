"""A lack of descriptors is told apart from faults of others."""

from __future__ import annotations

import errno
import os
import resource
import urllib.error

import pytest

from postroom.shortage import RESERVE, is_of_reserve, is_shortage, shortage
from tests.shortages import without_descriptors


def test_a_machine_without_descriptors_says_so_and_then_has_some_again() -> None:
    assert shortage() is None
    with without_descriptors():
        lack = shortage()
        with pytest.raises(OSError, match="Too many open files"):
            os.dup(0)
    assert lack is not None and lack.errno == errno.EMFILE
    assert shortage() is None


@pytest.mark.parametrize(
    ("limit", "first"), [(1024, 1024 - RESERVE), (40, 30), (resource.RLIM_INFINITY, None)], ids=["usual", "few", "no limit"]
)
def test_the_last_descriptors_are_a_reserve(monkeypatch: pytest.MonkeyPatch, limit: int, first: int | None) -> None:
    monkeypatch.setattr("postroom.shortage.resource.getrlimit", lambda kind: (limit, limit))
    assert next((number for number in range(3000) if is_of_reserve(number)), None) == first


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        (OSError(errno.EMFILE, "Too many open files"), True),
        (OSError(errno.ENFILE, "Too many open files in system"), True),
        (OSError(errno.ENOBUFS, "No buffer space available"), True),
        (urllib.error.URLError(OSError(errno.EMFILE, "Too many open files")), True),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), False),
        (urllib.error.URLError("unknown url type"), False),
        (ValueError("24"), False),
        (None, False),
    ],
)
def test_only_what_this_machine_lacks_is_a_shortage(error: object, is_one: bool) -> None:
    assert is_shortage(error) is is_one
