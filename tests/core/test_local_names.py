"""Login names: what belongs to a local domain means the account, compared as routing compares it."""

from __future__ import annotations

import pytest

from postroom.local_names import LocalNames

NAMES = LocalNames(["example.test", "*.branch.test", "bücher.example", "solo@isp.example"])


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("Bob", "bob"),
        ("bob@EXAMPLE.test", "bob"),
        ("bob@x.branch.test", "bob"),
        ("bob@bücher.example", "bob"),
        ("bob@xn--bcher-kva.example", "bob"),
        ("solo@isp.example", "solo"),
        ("bob@isp.example", None),
        ("@example.test", None),
        ("", None),
    ],
)
def test_a_login_name_may_carry_a_local_domain(given: str, meant: str | None) -> None:
    assert NAMES.account_name(given) == meant
