"""The counted pattern matcher gives what the C library gives, for every pattern and text, in each version of the language."""

from __future__ import annotations

from importlib import resources
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.lua.engine import VERSIONS, Engine

COMPARE = b"""
local careful = (loadstring or load)(...)(string.find, string.gsub)
local function outcome(f, ...)
  local found = { pcall(f, ...) }
  if not found[1] then return "error" end
  for index = 1, #found do found[index] = tostring(found[index]) end
  return table.concat(found, "\\1")
end
local function all(gmatch, text, pattern)
  local parts = {}
  for one, two in gmatch(text, pattern) do
    parts[#parts + 1] = tostring(one) .. "\\2" .. tostring(two)
    if #parts > 50 then break end
  end
  return table.concat(parts, "\\1")
end
return function(text, pattern, init, replacement, most)
  local function swap(one, two) return two and one .. two or one == "a" and "<>" or nil end
  local calls = {
    { string.find, careful.find, text, pattern, init }, { string.match, careful.match, text, pattern, init },
    { string.gsub, careful.gsub, text, pattern, replacement, most }, { string.gsub, careful.gsub, text, pattern, swap },
    { string.gsub, careful.gsub, text, pattern, { a = "A", ab = false, [1] = "one" } },
  }
  local results = {}
  for _, call in ipairs(calls) do
    results[#results + 1] = outcome(call[1], call[3], call[4], call[5], call[6])
    results[#results + 1] = outcome(call[2], call[3], call[4], call[5], call[6])
  end
  results[#results + 1] = outcome(all, string.gmatch, text, pattern)
  results[#results + 1] = outcome(all, careful.gmatch, text, pattern)
  return table.concat(results, "\\3")
end
"""

PIECES = [
    "a",
    "b",
    ".",
    "%a",
    "%d",
    "%A",
    "%%",
    "%s",
    "%.",
    "[ab]",
    "[^a]",
    "[%d.]",
    "[a-c]",
    "[]]",
    "[^]]",
    "()",
    "(",
    ")",
    "%1",
    "%2",
    "%0",
]
PIECES += ["*", "+", "-", "?", "$", "^", "%b()", "%bab", "%f[%a]", "%f[^a]", "%", "[", "%z", "%w", "%x", "]", "%f", "%b"]
PATTERNS = st.lists(st.sampled_from(PIECES), max_size=7).map("".join)
TEXTS = st.text("ab1. ()%\n", max_size=10)
REPLACEMENTS = st.lists(st.sampled_from(["x", "%0", "%1", "%2", "%%", "%", "%a", "-"]), max_size=3).map("".join)


@pytest.fixture(scope="module", params=list(VERSIONS))
def compare(request: pytest.FixtureRequest) -> Any:
    source = resources.files("postroom.lua").joinpath("patterns.lua").read_bytes()
    return Engine(request.param).state().execute(COMPARE, source)


@settings(max_examples=300, deadline=None)
@given(TEXTS, PATTERNS, st.integers(-12, 12), REPLACEMENTS, st.none() | st.integers(-1, 4))
def test_find_match_gsub_and_gmatch_agree_with_the_c_library(
    compare: Any, text: str, pattern: str, init: int, replacement: str, most: int | None
) -> None:
    results = compare(text.encode(), pattern.encode(), init, replacement.encode(), most).split(b"\3")
    names = ["find", "match", "gsub by text", "gsub by function", "gsub by table", "gmatch"]
    for name, expected, found in zip(names, results[::2], results[1::2], strict=True):
        assert found == expected, name
