"""Asks a hook: each plugin on its own, within a deadline, behind a circuit breaker (house rule: a plugin's bug is only its own)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import pluggy

from .mail.verdict import Verdict, strictest

FAILURES_IN_A_ROW = 5  # then the plugin is left out of that hook
OPEN_SECONDS = 60.0

FAULT = Verdict.defer("Temporary problem with a mail check, try again later", 451, "4.3.0", reason="plugin fault")


class DeadlineExceeded(BaseException):  # no Exception: a plugin that catches those must not take it for its own
    """A hook implementation ran past its deadline."""


class PluginFault(Exception):
    """A plugin failed where its answer was needed; the caller answers with a temporary failure."""

    def __init__(self, plugin: str, hook: str) -> None:
        super().__init__(f"plugin {plugin} failed in {hook}")
        self.plugin, self.hook = plugin, hook


@dataclass(slots=True)
class Breaker:
    """Counts the failures in a row of one plugin in one hook."""

    failures: int = 0
    open_until: float = 0.0


@dataclass
class Asker:
    """Asks the hooks of one worker. ``on_fault(plugin, hook, error, arguments)`` logs and counts."""

    hooks: pluggy.HookRelay
    clock: Callable[[], float]
    on_fault: Callable[[str, str, BaseException, dict[str, Any]], None]
    deadline: Callable[[], AbstractContextManager[Any]] = nullcontext  # raises DeadlineExceeded in the caller
    breakers: dict[tuple[str, str], Breaker] = field(default_factory=dict)

    def answers(self, name: str, arguments: dict[str, Any], *, needed: bool = False) -> Iterator[tuple[str, Any, bool]]:
        """Each plugin's ``(name, answer, failed)`` in the order of the configuration.

        A plugin whose circuit is open is left out, or counts as failed where every answer is ``needed``.
        ``arguments`` is read anew for each plugin, so a chain may change it between two answers.
        """
        caller: pluggy.HookCaller = getattr(self.hooks, name)
        for impl in reversed(caller.get_hookimpls()):  # pluggy keeps the first to be called at the end
            breaker = self.breakers.get((impl.plugin_name, name))
            if breaker is not None and breaker.open_until and self.clock() < breaker.open_until:
                if needed:
                    yield impl.plugin_name, None, True
                continue
            try:
                with self.deadline():
                    answer = impl.function(*[arguments[argument] for argument in impl.argnames])
            except (Exception, DeadlineExceeded) as error:
                self._failed(impl.plugin_name, name, error, arguments)
                yield impl.plugin_name, None, True
            else:
                if breaker is not None:
                    breaker.failures = 0
                yield impl.plugin_name, answer, False

    def verdict(self, name: str, /, **arguments: Any) -> Verdict | None:
        """A decision: the strictest of all answers; a failing plugin answers 451."""
        if not getattr(self.hooks, name).get_hookimpls():
            return None
        return strictest([FAULT if failed else answer for _, answer, failed in self.answers(name, arguments)])

    def first(self, name: str, /, **arguments: Any) -> Any:
        """A decision whose first answer wins; None when nobody answers. Raises PluginFault when a plugin fails before that.

        An open circuit is a failure here: without the plugin's answer mail would go elsewhere, or nowhere for good.
        """
        for plugin, answer, failed in self.answers(name, arguments, needed=True):
            if failed:
                raise PluginFault(plugin, name)
            if answer is not None:
                return answer
        return None

    def transform(self, name: str, argument: str, value: Any, /, **arguments: Any) -> Any:
        """A chain: each answer that is not None becomes the value for the next."""
        caller: pluggy.HookCaller = getattr(self.hooks, name)
        if not caller.get_hookimpls():
            return value
        current = {argument: value, **arguments}
        for _, answer, failed in self.answers(name, current):
            if not failed and answer is not None:
                current[argument] = value = answer
        return value

    def tell(self, name: str, /, **arguments: Any) -> None:
        """An event: all are told, answers and faults change nothing."""
        if getattr(self.hooks, name).get_hookimpls():
            for _ in self.answers(name, arguments):
                pass

    def collect(self, name: str) -> list[Any]:
        """A provider: the described things of all plugins in one list. Errors are the caller's: a start must fail loudly."""
        caller: pluggy.HookCaller = getattr(self.hooks, name)
        functions: list[Callable[[], Any]] = [impl.function for impl in reversed(caller.get_hookimpls())]
        return [thing for function in functions for thing in function() or ()]

    def _failed(self, plugin: str, name: str, error: BaseException, arguments: dict[str, Any]) -> None:
        breaker = self.breakers.setdefault((plugin, name), Breaker())
        breaker.failures += 1
        self.on_fault(plugin, name, error, arguments)
        if breaker.failures >= FAILURES_IN_A_ROW:
            breaker.open_until = self.clock() + OPEN_SECONDS
            breaker.failures = 0
            if name != "circuit_opened":
                self.tell("circuit_opened", plugin=plugin, hook=name, reason=str(error) or type(error).__name__)
