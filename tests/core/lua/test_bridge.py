"""Values both ways: what goes to Lua comes back the same, and what cannot is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.lua.bridge import decode, encode, truthy
from postroom.lua.engine import Engine
from postroom.lua.faults import BadValue
from postroom.lua.runtime import Runtime

ENGINE = Engine("5.2")


def there_and_back(value: Any) -> Any:
    runtime = Runtime(ENGINE)
    runtime.set("value", value)
    return runtime.get("value")


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = st.booleans() | st.integers(-(2**53), 2**53) | TEXTS | st.floats(allow_nan=False)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, min_size=1, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=12
)


@given(VALUES)
def test_a_value_comes_back_as_it_went(value: Any) -> None:
    assert there_and_back(value) == value


@given(st.binary())
def test_bytes_of_any_kind_survive_as_text(data: bytes) -> None:
    assert encode(decode(data)) == data
    assert there_and_back(data) == decode(data)


def test_nothing_is_nil_and_leaves_no_trace_in_a_table() -> None:
    assert there_and_back(None) is None
    assert there_and_back({"a": None, "b": 1}) == {"b": 1}


def test_lists_tuples_and_sets_are_tables() -> None:
    assert there_and_back(("a", ["b"])) == ["a", ["b"]]
    assert there_and_back({"x"}) == {"x": True}
    assert there_and_back([]) == {}  # Lua has one empty table


def test_a_number_too_large_for_lua_loses_digits_instead_of_failing() -> None:
    assert there_and_back(2**70) == float(2**70)


@pytest.mark.parametrize("value", [object(), len, 1j])
def test_what_lua_has_no_form_for_is_refused(value: object) -> None:
    with pytest.raises(BadValue, match="cannot be given to Lua"):
        there_and_back(value)


def test_circles_end_with_a_refusal() -> None:
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(BadValue, match="too deeply"):
        there_and_back(circle)


@pytest.mark.parametrize(
    ("value", "meant"), [(None, False), (False, False), (0, False), (0.0, False), ("", False), (1, True), ("0", True), (True, True)]
)
def test_numeric_zero_means_no(value: object, meant: bool) -> None:
    assert truthy(value) is meant
