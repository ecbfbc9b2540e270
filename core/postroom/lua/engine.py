"""One version of the language: makes states and compiles text, with the trusted chunks compiled once."""

from __future__ import annotations

import importlib
import re
from importlib import resources
from typing import Any, NoReturn

from .faults import ScriptError

VERSIONS = {"5.1": "lupa.lua51", "5.2": "lupa.lua52", "5.3": "lupa.lua53", "5.4": "lupa.lua54"}  # no LuaJIT: it ignores the count hook
MAX_SOURCE = 1 << 20  # bytes of one script
COMPILE = b"""
local read, dump = loadstring or load, string.dump
return function(text, name, stripped)
  local code, problem = read(text, name, "t")
  if not code then return false, problem end
  return true, dump(code, stripped)
end
"""
TROUBLE = re.compile(r"(?s).*?:(\d+): (.*)")


class Engine:
    """Makes Lua states of one version. Shared by all sessions of a worker; the states are not."""

    def __init__(self, version: str = "5.2") -> None:
        self.version = version
        self._lupa: Any = importlib.import_module(VERSIONS[version])
        self.lua_type = self._lupa.lua_type
        self.lua_error: type[Exception] = self._lupa.LuaError
        self._compile = self.state().execute(COMPILE)
        self.limits = self._trusted("limits")
        self.library = self._trusted("library")
        self.patterns = self._trusted("patterns")

    def state(self) -> Any:
        """A new LuaRuntime, about 30 µs: strings are bytes, and no attribute of a Python object can be reached."""
        return self._lupa.LuaRuntime(
            encoding=None,
            register_eval=False,
            register_builtins=False,
            attribute_filter=_no_attribute,
            unpack_returned_tuples=True,
            max_memory=0,  # counted, and limited by the runtime while a script runs
        )

    def compile(self, source: bytes, name: str) -> bytes:
        """Bytecode of a script; ``name`` is what messages call it. Raises ScriptError with the line."""
        if len(source) > MAX_SOURCE:
            raise ScriptError(f"larger than {MAX_SOURCE} bytes", name)
        source = source.removeprefix(b"\xef\xbb\xbf")  # editors on Windows put a mark before the text
        if source.startswith(b"#"):
            source = b"--" + source  # a first line for the shell is no Lua
        if source.startswith(b"\x1b"):
            raise ScriptError("bytecode instead of text", name)
        done, result = self._compile(source, b"@" + name.encode(), False)
        if done:
            return bytes(result)
        text = result.decode("utf-8", "replace")
        found = TROUBLE.fullmatch(text)
        raise ScriptError(found[2] if found else text, name, int(found[1]) if found else 0)

    def _trusted(self, name: str) -> bytes:
        source = resources.files(__package__).joinpath(f"{name}.lua").read_bytes()
        done, result = self._compile(source, b"=postroom", True)
        assert done, result
        return bytes(result)


def _no_attribute(subject: object, name: object, setting: bool) -> NoReturn:
    raise AttributeError("scripts have no access to Python objects")
