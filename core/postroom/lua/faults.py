"""How a script can fail: by its own error, by a limit, or by values that cannot cross."""

from __future__ import annotations


class LuaFault(Exception):
    """A script failed; what it was asked for keeps its default."""

    def __init__(self, text: str, script: str = "", line: int = 0) -> None:
        place = f"{script}:{line}: " if line else f"{script}: " if script else ""
        super().__init__(text if text.startswith(place) else f"{place}{text}")
        self.text, self.script, self.line = text.removeprefix(place), script, line


class ScriptError(LuaFault):
    """The script raised an error, or does not compile."""


class LimitExceeded(LuaFault):
    """The script was stopped; ``limit`` is "instructions", "time" or "memory"."""

    def __init__(self, limit: str, script: str = "", line: int = 0) -> None:
        super().__init__(f"stopped, because it used too much: {limit}", script, line)
        self.limit = limit


class BadValue(LuaFault):
    """A value that cannot go from Lua to Python or the other way: a function, a circle of tables, too much of it."""
