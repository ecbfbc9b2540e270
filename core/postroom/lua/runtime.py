"""A Lua state in a sandbox, with limits on instructions, time and memory.

One state belongs to one session: greenlets that enter a state while another one waits inside a helper get wrong results
without an error. Making one is cheap, so a session makes its own and drops it at the end.

What Lua holds of Python is a number and a weak reference, never an object that leads back to the state: Python's garbage
collector does not see into Lua, and such a circle would stay for ever.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gevent

from .bridge import Plain, decode, encode, from_lua, to_lua
from .engine import Engine
from .faults import LimitExceeded, ScriptError

STEP = 1000  # instructions between two looks at the limits; fewer cost more than 5 %


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call may use (``lua`` in config.yaml)."""

    memory: int = 16 << 20  # bytes of the whole state
    instructions: int = 50_000_000
    seconds: float = 5.0  # of computing; and again of wall-clock time with the waiting in helpers


class Runtime:
    """One state with its globals. ``fetch`` gives the bytecode of another script for ``require``; ``output`` takes what is printed."""

    def __init__(
        self,
        engine: Engine,
        limits: Limits | None = None,
        *,
        output: Callable[[str], None] = lambda text: None,
        fetch: Callable[[str], bytes | None] = lambda name: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.engine, self.limits, self.clock = engine, limits or Limits(), clock
        self._depth, self._until = 0, 0.0
        self._interruption: BaseException | None = None
        self._helpers: list[tuple[Callable[..., Any], bool]] = []
        self._state = engine.state()
        self._prelude = self._prepared(fetch, output)
        self._call = self._prelude[b"call"]

    def _prepared(self, fetch: Callable[[str], bytes | None], output: Callable[[str], None]) -> Any:
        state, engine, memory, me = self._state, self.engine, self.limits.memory, weakref.ref(self)
        patterns = engine.patterns
        host = state.table_from(
            {
                b"relimit": lambda: _set_memory(me, memory),
                b"unlimit": lambda: _set_memory(me, 0),
                b"memory": memory,
                b"instructions": self.limits.instructions,
                b"seconds": self.limits.seconds,
                b"find": _find,
                b"patterns": lambda: (True, patterns),
                b"script": self._helper(fetch),
                b"print": self._helper(output),
            }
        )
        prelude = state.compile(engine.limits, mode="b")(host, STEP)
        state.compile(engine.library, mode="b")(host, prelude)
        return prelude

    def run(self, code: bytes) -> tuple[Plain, ...]:
        """Run a script's bytecode (from ``Engine.compile``), which defines its functions. Raises LuaFault."""
        return self._enter(self._prelude[b"run"], self._prelude[b"load"](code))

    def call(self, function: str, *arguments: Any) -> tuple[Plain, ...]:
        """What a global function returns; () when it returns nothing. Raises LuaFault, KeyError when there is no such function."""
        return self._enter(self._call, function.encode(), *[to_lua(self._state, argument) for argument in arguments])

    def has(self, function: str) -> bool:
        """Whether the script defines that global function."""
        return bool(self._prelude[b"has"](function.encode()))

    def get(self, name: str) -> Plain:
        """The value of a global. Raises BadValue for a function."""
        return from_lua(self.engine.lua_type, self._prelude[b"get"](name.encode()))

    def set(self, name: str, value: Any) -> None:
        """Give a global a value. Raises BadValue."""
        self._prelude[b"set"](name.encode(), to_lua(self._state, value))

    def provide(self, name: str, function: Callable[..., Any], *, waits: bool = False) -> None:
        """A helper for scripts: a global function that calls ``function``; a tuple is several results.

        Its exceptions are errors in the script, at the line of the call. ``waits``: it may let other greenlets run (a query, DNS),
        and is given up when the time of the call is over.
        """
        helper = self._prelude[b"helper"](self._helper(function, waits=waits))
        self._prelude[b"set"](name.encode(), helper)

    def _enter(self, function: Any, *arguments: Any) -> tuple[Plain, ...]:
        if self._depth == 0:
            self._until, self._interruption = self.clock() + self.limits.seconds, None
        self._depth += 1
        try:
            answer = function(*arguments)
        except self.engine.lua_error:  # the state has no memory left to report an error properly, or the hook fired too late for that
            self._state.set_max_memory(0)
            answer = self._prelude[b"settle"](self._depth - 1)
        finally:
            self._depth -= 1
        kind, *values = answer if isinstance(answer, tuple) else (answer,)
        if kind == b"ok":
            return tuple(from_lua(self.engine.lua_type, value) for value in values)
        raise self._fault(kind, values)

    def _fault(self, kind: bytes, values: list[Any]) -> BaseException:
        """What ended a call."""
        if self._interruption is not None:
            return self._interruption
        if kind == b"missing":
            return KeyError("no such function")
        script, line, text = (*values, None, None, None)[:3]
        script, line = decode(script or b""), int(line or 0)
        if kind == b"error":
            return ScriptError(decode(text or b""), script, line)
        return LimitExceeded(kind.decode(), script, line)

    def _helper(self, function: Callable[..., Any], *, waits: bool = False) -> Callable[..., tuple[Any, ...]]:
        """What the prelude's ``helper`` wants for ``function``."""
        me, number = weakref.ref(self), len(self._helpers)
        self._helpers.append((function, waits))

        def answer(*arguments: Any) -> tuple[Any, ...]:
            runtime = me()
            return runtime._answer(number, arguments) if runtime is not None else (None, b"stopped")

        return answer

    def _answer(self, number: int, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """Call a helper for a script: (True, results), (False, message) or (None, why to stop); never raises into Lua."""
        function, waits = self._helpers[number]
        try:
            values = [from_lua(self.engine.lua_type, argument) for argument in arguments]
            result = self._within_time(function, values) if waits else function(*values)
            results = result if isinstance(result, tuple) else (result,)
            answers = (True, *[to_lua(self._state, value) for value in results])
        except Exception as error:
            return False, encode(str(error) or type(error).__name__)[:1000]
        except BaseException as error:  # the greenlet is asked to end, or a deadline outside of ours: leave the script at once
            self._interruption = error
            return None, b"stopped"
        return answers if self.clock() <= self._until else (None, b"time")

    def _within_time(self, function: Callable[..., Any], values: list[Any]) -> Any:
        timeout = gevent.Timeout(max(self._until - self.clock(), 0.0))
        timeout.start()
        try:
            return function(*values)
        except gevent.Timeout as error:
            if error is not timeout:
                raise
            return None  # the caller sees that the time is over
        finally:
            timeout.close()


def _set_memory(runtime: weakref.ref[Runtime], size: int) -> None:
    alive = runtime()
    if alive is not None:
        alive._state.set_max_memory(size)


def _find(text: bytes, sought: bytes, init: float) -> int | None:
    """Where ``sought`` begins in ``text``, counted from 1: in linear time, which the C library's search is not."""
    start = int(init)
    found = text.find(sought, start - 1 if start > 0 else max(len(text) + start, 0))
    return None if found < 0 else found + 1
