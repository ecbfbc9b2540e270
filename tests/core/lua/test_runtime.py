"""The sandbox: what scripts can do, what they cannot, and how they are stopped; in each version of the language."""

from __future__ import annotations

import contextlib
import gc
import time
import weakref
from typing import Any

import gevent
import pytest

from postroom.lua.engine import VERSIONS, Engine
from postroom.lua.faults import BadValue, LimitExceeded, LuaFault, ScriptError
from postroom.lua.runtime import Limits, Runtime

SMALL = Limits(memory=4 << 20, instructions=2_000_000, seconds=0.3)


@pytest.fixture(scope="module", params=list(VERSIONS))
def engine(request: pytest.FixtureRequest) -> Engine:
    return Engine(request.param)


def loaded(engine: Engine, source: str, limits: Limits = SMALL, **options: Any) -> Runtime:
    runtime = Runtime(engine, limits, **options)
    runtime.run(engine.compile(source.encode(), "test.lua"))
    return runtime


def returned(engine: Engine, expression: str, limits: Limits = SMALL) -> Any:
    results = loaded(engine, f"function f() return {expression} end", limits).call("f")
    return results[0] if len(results) == 1 else results


# --- calls ---------------------------------------------------------------------------------------------------------------


def test_a_function_is_called_with_values_and_its_results_come_back(engine: Engine) -> None:
    runtime = loaded(engine, "function f(a, b, c) return c, b.x[2], a .. '!' end")
    assert runtime.call("f", "hé\udcff", {"x": [1, 2.5]}, None) == (None, 2.5, "hé\udcff!")


def test_globals_last_as_long_as_the_state(engine: Engine) -> None:
    runtime = loaded(engine, "count = 0 function f() count = count + 1 return count, seen end")
    runtime.set("seen", [True])
    assert [runtime.call("f") for _ in range(2)] == [(1, [True]), (2, [True])]
    assert runtime.get("count") == 2
    assert runtime.get("missing") is None
    assert Runtime(engine).get("count") is None


def test_a_missing_function_is_told_apart_from_a_failing_one(engine: Engine) -> None:
    runtime = loaded(engine, "function f() error('x') end g = 5")
    assert runtime.has("f")
    assert not runtime.has("g")
    with pytest.raises(KeyError):
        runtime.call("g")


def test_errors_name_script_and_line(engine: Engine) -> None:
    runtime = loaded(
        engine,
        "function f()\n error('no') end\nfunction g()\n\n return nil + 1 end function h() error(setmetatable({}, {__tostring = h})) end",
    )
    with pytest.raises(ScriptError, match=r"^test\.lua:2: no$") as caught:
        runtime.call("f")
    assert (caught.value.script, caught.value.line, caught.value.text) == ("test.lua", 2, "no")
    with pytest.raises(ScriptError, match=r"^test\.lua:5: attempt to perform arithmetic"):
        runtime.call("g")
    with pytest.raises(ScriptError, match="error object is a table value"):  # whose __tostring is not run
        runtime.call("h")


def test_a_global_table_with_tricks_is_not_run_from_outside(engine: Engine) -> None:
    runtime = loaded(engine, "setmetatable(_G, {__index = function() while true do end end})")
    assert runtime.get("anything") is None
    assert not runtime.has("anything")
    with pytest.raises(KeyError):
        runtime.call("anything")


# --- helpers -------------------------------------------------------------------------------------------------------------


def test_helpers_take_and_return_plain_values(engine: Engine) -> None:
    runtime = loaded(engine, "function f() local a, b = swap(1, {'x'}) return b, a end")
    runtime.provide("swap", lambda one, other: (other, one))
    assert runtime.call("f") == (1, ["x"])


def test_an_exception_in_a_helper_is_an_error_in_the_script_that_it_may_catch(engine: Engine) -> None:
    def fail() -> None:
        raise ValueError("bad luck")

    runtime = loaded(engine, "function f() return pcall(fail) end\nfunction g() fail() end")
    runtime.provide("fail", fail)
    ok, text = runtime.call("f")
    assert ok is False
    assert "bad luck" in str(text)
    with pytest.raises(ScriptError, match="bad luck") as caught:
        runtime.call("g")
    assert caught.value.line in {2, 0}


def test_scripts_never_hold_a_python_object(engine: Engine) -> None:
    runtime = loaded(engine, "function f() local a = get() return type(get), type(a), a end")
    runtime.provide("get", object)
    with pytest.raises(ScriptError, match="object cannot be given to Lua"):
        runtime.call("f")
    runtime.provide("get", lambda: 1)
    assert runtime.call("f") == ("function", "number", 1)


def test_functions_do_not_cross(engine: Engine) -> None:
    runtime = loaded(engine, "function f() return print end function g() return take(print) end t = {} t.t = t")
    runtime.provide("take", lambda value: None)
    with pytest.raises(BadValue):
        runtime.call("f")
    with pytest.raises(ScriptError):
        runtime.call("g")
    with pytest.raises(BadValue, match="circle"):
        runtime.get("t")


def test_a_helper_may_call_the_script_again(engine: Engine) -> None:
    runtime = loaded(engine, "function f(n) if n == 0 then return 'end' end return again(n - 1) end")
    runtime.provide("again", lambda n: runtime.call("f", n))
    assert runtime.call("f", 5) == ("end",)


def test_a_helper_may_be_called_in_a_coroutine_and_call_the_script_again_from_there(engine: Engine) -> None:
    source = "function g(n) return n + 1 end function f() return coroutine.wrap(function() return again(1) + again(2) end)() end"
    runtime = loaded(engine, source)
    runtime.provide("again", lambda n: runtime.call("g", n))
    assert runtime.call("f") == (5,)


def test_a_limit_that_is_passed_in_an_inner_call_ends_the_outer_one_too(engine: Engine) -> None:
    runtime = loaded(engine, "function g() while true do end end function f() while true do pcall(again) end end")
    runtime.provide("again", lambda: runtime.call("g"))
    with pytest.raises(LimitExceeded):
        runtime.call("f")
    runtime.provide("again", lambda: 1)
    with pytest.raises(LimitExceeded):
        runtime.call("f")


def test_a_deadline_from_outside_leaves_the_script_at_once(engine: Engine) -> None:
    class Outside(BaseException):
        pass

    def fail() -> None:
        raise Outside

    runtime = loaded(engine, "function f() while true do pcall(fail) end end function g() return 1 end")
    runtime.provide("fail", fail)
    with pytest.raises(Outside):
        runtime.call("f")
    assert runtime.call("g") == (1,)


def test_a_helper_that_waits_is_given_up_when_the_time_is_over(engine: Engine) -> None:
    runtime = loaded(engine, "function f() pcall(nap) return 1 end function g() return 2 end", Limits(seconds=0.05))
    runtime.provide("nap", lambda: gevent.sleep(30), waits=True)
    started = time.monotonic()
    with pytest.raises(LimitExceeded) as caught:
        runtime.call("f")
    assert caught.value.limit == "time"
    assert time.monotonic() - started < 20
    assert runtime.call("g") == (2,)


def test_two_sessions_that_wait_in_helpers_do_not_disturb_each_other(engine: Engine) -> None:
    def session(number: int) -> list[Any]:
        runtime = loaded(engine, "local me = ... function f(n) local t = {} for i = 1, 5 do t[i] = n * 10 + nap(i) end return t end")

        def nap(i: int) -> int:
            gevent.sleep(0.001 * (i % 2))
            return i

        runtime.provide("nap", nap, waits=True)
        return list(runtime.call("f", number))

    jobs = [gevent.spawn(session, number) for number in range(8)]
    gevent.joinall(jobs, raise_error=True)
    assert [job.value for job in jobs] == [[[n * 10 + i for i in range(1, 6)]] for n in range(8)]


# --- limits --------------------------------------------------------------------------------------------------------------

LOOP = "while true do end"
LOOPS = {
    "plain": LOOP,
    "caught": f"while true do pcall(function() {LOOP} end) end",
    "caught with a handler that loops": f"while true do xpcall(function() {LOOP} end, function() {LOOP} end) end",
    "an error whose handler loops": f"xpcall(error, function() {LOOP} end)",
    "in a coroutine": f"local c = coroutine.create(function() {LOOP} end) while true do coroutine.resume(c) end",
    "in wrapped coroutines, caught": f"while true do pcall(coroutine.wrap(function() {LOOP} end)) end",
    "in many short coroutines": "while true do coroutine.wrap(function() for i = 1, 50 do end end)() end",
    "in a nested coroutine": f"coroutine.wrap(function() coroutine.wrap(function() {LOOP} end)() end)()",
    "in a metamethod": f"return setmetatable({{}}, {{__index = function() {LOOP} end}}).x",
    "in a text form": f"tostring(setmetatable({{}}, {{__tostring = function() {LOOP} end}}))",
    "in a sort": "table.sort({1, 2, 3}, function() while true do end end)",
    "in a replacement": f"string.gsub('x', 'x', function() {LOOP} end)",
    "in a loader": f"load(function() {LOOP} end)",
    "by goto of recursion": "local function f() return f() end return f()",
    "of concatenations": "local s = '' while true do s = s .. 'x' if #s > 1000 then s = '' end end",
}


@pytest.mark.parametrize("body", list(LOOPS.values()), ids=list(LOOPS))
def test_an_endless_loop_is_stopped_however_it_hides(engine: Engine, body: str) -> None:
    runtime = loaded(engine, f"function f() {body} end function g() return 'alive' end")
    started = time.process_time()
    with pytest.raises(LimitExceeded) as caught:
        runtime.call("f")
    assert caught.value.limit in {"instructions", "time"}
    assert time.process_time() - started < 4
    assert runtime.call("g") == ("alive",)


DEEP = {
    "recursion through protected calls": "function f() while true do pcall(f) end end",
    "recursion through metamethods": (
        "local m = {} m.__index = function(t, n) if n == 0 then while true do end end return setmetatable({}, m)[n - 1] end\n"
        "function f() while true do pcall(function() return setmetatable({}, m)[180] end) pcall(f) end end"
    ),
    "coroutines in coroutines": "function f() while true do coroutine.resume(coroutine.create(f)) end end",
    "replacements in replacements": "function f() while true do pcall(string.gsub, 'x', 'x', f) end end",
}


@pytest.mark.parametrize("source", list(DEEP.values()), ids=list(DEEP))
def test_a_loop_at_the_bottom_of_the_stack_is_stopped_too(engine: Engine, source: str) -> None:
    runtime = loaded(engine, f"{source} function g() return 'alive' end")
    started = time.process_time()
    with pytest.raises(LimitExceeded):
        runtime.call("f")
    assert time.process_time() - started < 4
    assert runtime.call("g") == ("alive",)


def test_the_limit_of_one_call_does_not_stop_the_next_one_at_whichever_instruction_it_ends(engine: Engine) -> None:
    runtime = loaded(engine, "function f(n) for i = 1, n do end end function g() return 'alive' end", Limits(instructions=1000))
    stopped = set()
    for count in range(900, 2100):
        try:
            runtime.call("f", count)
        except LimitExceeded as error:
            stopped.add(error.limit)
        assert runtime.call("g") == ("alive",)
    assert stopped == {"instructions"}


def test_the_main_chunk_has_limits_too(engine: Engine) -> None:
    with pytest.raises(LimitExceeded, match=r"^test\.lua:2: stopped"):
        loaded(engine, "\nwhile true do end")


def test_a_finalizer_is_refused_because_nothing_could_stop_it(engine: Engine) -> None:
    with pytest.raises(ScriptError, match="__gc"):
        returned(engine, "setmetatable({}, {__gc = function() while true do end end})")
    with pytest.raises(ScriptError):
        returned(engine, "newproxy(true)")


def test_closing_handlers_cannot_hold_up_the_end() -> None:
    engine = Engine("5.4")
    closing = "local x <close> = setmetatable({}, {__close = function() while true do end end})"
    for body in (
        f"{closing} while true do end",
        f"local c = coroutine.create(function() {closing} while true do end end) coroutine.resume(c) coroutine.close(c)",
        f"local c = coroutine.create(function() {closing} coroutine.yield() end) coroutine.resume(c) coroutine.close(c)",
    ):
        with pytest.raises(LimitExceeded):
            loaded(engine, f"function f() {body} end").call("f")


# What works long inside C, where no instruction is counted.
LONG = {
    "an empty string many times": "#string.rep('', 2 ^ 52)",
    "sorting with a claimed length": "table.sort(setmetatable({}, {__len = function() return 2 ^ 30 end}), rawequal)",
    "inserting at a claimed length": "table.insert(setmetatable({}, {__len = function() return 2 ^ 30 end}), 1, 1)",
    "removing from a claimed length": "table.remove(setmetatable({}, {__len = function() return 2 ^ 30 end}), 1)",
    "moving nothing far": "table.move({}, 1, 2 ^ 50, 2)",
    "unpacking a claimed length": "(table.unpack or unpack)(setmetatable({}, {__len = function() return 2 ^ 30 end}))",
    "joining a claimed length": "table.concat(setmetatable({}, {__len = function() return 2 ^ 30 end}))",
    "sorting again and again": "(function() local t = {} for i = 1, 1e5 do t[i] = i % 7 end while true do table.sort(t) end end)()",
    "inserting in front": "(function() local t = {} while true do table.insert(t, 1, 0) end end)()",
    "loading again and again": "(function() local s = ('x=1 '):rep(2e5) while true do load(s) end end)()",
    "collecting again and again": "(function() local t = {} for i = 1, 2e4 do t[i] = {} end while true do collectgarbage() end end)()",
}


@pytest.mark.parametrize("expression", list(LONG.values()), ids=list(LONG))
def test_library_functions_cannot_work_for_ever(engine: Engine, expression: str) -> None:
    started = time.process_time()
    with contextlib.suppress(LuaFault):
        returned(engine, expression)
    assert time.process_time() - started < 5


BACKTRACKING = {
    "four lazy": "('a'):rep(30000):find('.-.-.-.-b')",
    "three greedy": "('a'):rep(30000):match('.*.*.*b')",
    "short and many": "('a'):rep(60):find(('.-'):rep(12) .. 'b')",
    "optional": "('a'):rep(30):match(('a?'):rep(40) .. ('a'):rep(40))",
    "global": "('a'):rep(30000):gsub('.-.-b', '')",
    "iterated": "('a'):rep(30000):gmatch('.-.-.-b')()",
    "balanced": "('('):rep(30000):find('%b()%b()')",
    "captured": "('a'):rep(30000):find('(.-)(.-)%2%1b')",
    "anchored": "('a'):rep(30000):find('^.-.-.-b')",
}


@pytest.mark.parametrize("expression", list(BACKTRACKING.values()), ids=list(BACKTRACKING))
def test_patterns_that_need_very_many_steps_are_counted(engine: Engine, expression: str) -> None:
    started = time.process_time()
    with contextlib.suppress(LimitExceeded):
        returned(engine, expression)
    assert time.process_time() - started < 4


def test_a_plain_search_for_a_long_text_in_a_long_one_is_quick(engine: Engine) -> None:
    body = "local s, p = ('a'):rep(4e5), ('a'):rep(2e5) .. 'b' return s:find(p, 1, true), (s .. 'b'):find(p, 7, true), s:find(p)"
    runtime = loaded(engine, f"function f() {body} end")
    started = time.process_time()
    assert runtime.call("f") == (None, 200_001, None) or runtime.call("f")[:2] == (None, 200_001)
    assert time.process_time() - started < 2


BOMBS = {
    "string.rep": "('x'):rep(1e9)",
    "doubling": "(function() local s = 'x' while true do s = s .. s end end)()",
    "tables": "(function() local t = {} while true do t = {t} end end)()",
    "array": "(function() local t = {} for i = 1, 1e9 do t[i] = i end end)()",
    "format": "(function() local t = {} while true do t[#t + 1] = ('%99d'):format(1) .. #t end end)()",
    "coroutines": "(function() local t = {} while true do t[#t + 1] = coroutine.create(print) end end)()",
    "recursion": "(function() local function f() return 1 + f() end return f() end)()",
    "replacement": "('x'):rep(1e5):gsub('x', ('y'):rep(1e5))",
    "joined": "table.concat({('x'):rep(1e6), ('y'):rep(1e6)}, ('z'):rep(3e6))",
}


@pytest.mark.parametrize("expression", list(BOMBS.values()), ids=list(BOMBS))
def test_memory_is_bounded(engine: Engine, expression: str) -> None:
    runtime = loaded(engine, f"function f() return {expression} end function g() return 'alive' end", Limits(4 << 20, 50_000_000, 5.0))
    with pytest.raises((LimitExceeded, ScriptError)) as caught:
        runtime.call("f")
    if isinstance(caught.value, LimitExceeded):
        assert caught.value.limit == "memory"
    else:
        assert "stack overflow" in caught.value.text or "too many results" in caught.value.text
    assert runtime.call("g") == ("alive",)


def test_values_that_are_pushed_when_memory_is_short_do_not_crash_the_process(engine: Engine) -> None:
    runtime = loaded(
        engine,
        "hoard = {} function fill() pcall(function() while true do hoard[#hoard + 1] = ('x'):rep(500) .. #hoard end end) end\n"
        "function f() fill() for i = 1, 200 do pcall(give, {i, {i}}) pcall(fail) pcall(print, i) end return 1 end\n"
        "function g(text) return #text end",
        Limits(1 << 20, 10_000_000, 5.0),
    )
    runtime.provide("give", lambda value: ("y" * 3_000_000, value))
    runtime.provide("fail", lambda: 1 / 0)
    for _ in range(3):
        with contextlib.suppress(LuaFault):
            runtime.call("f")
    with contextlib.suppress(LuaFault):
        runtime.call("g", "z" * 3_000_000)
    runtime.set("hoard", None)
    assert runtime.call("g", "short") == (5,)


def test_too_much_of_a_result_is_refused(engine: Engine) -> None:
    with pytest.raises(BadValue, match="too large"):
        returned(engine, "(function() local t = {} for i = 1, 100001 do t[i] = 1 end return t end)()", Limits())


# --- nothing reaches outside -----------------------------------------------------------------------------------------------

NOWHERE = [
    "io", "package", "debug", "python", "loadfile", "module", "newproxy", "gcinfo", "warn", "jit", "ffi",
    "os.execute", "os.exit", "os.getenv", "os.remove", "os.rename", "os.tmpname", "os.setlocale", "string.dump", "string.gfind",
]  # fmt: skip


@pytest.mark.parametrize("name", NOWHERE)
def test_what_reaches_outside_is_not_there(engine: Engine, name: str) -> None:
    assert returned(engine, name) is None


def test_the_names_that_scripts_have_are_these_and_no_others(engine: Engine) -> None:
    names = returned(
        engine, "(function() local t = {} for k in pairs(_G) do t[#t + 1] = k end table.sort(t) return table.concat(t, ' ') end)()"
    )
    always = (
        "_G _VERSION assert collectgarbage coroutine dofile error f getmetatable ipairs load math next os pairs pcall print "
        "rawequal rawget rawset require select setmetatable string table tonumber tostring type xpcall"
    )
    extra = {
        "5.1": "loadstring unpack",
        "5.2": "bit32 rawlen",
        "5.3": "rawlen utf8",
        "5.4": "rawlen utf8",
    }
    assert names.split() == sorted(f"{always} {extra[engine.version]}".split())


def test_bytecode_is_not_loaded(engine: Engine) -> None:
    code = engine.compile(b"return 1", "x")
    runtime = loaded(engine, "function f(code) return load(code), load(function() local c = code code = nil return c end) end")
    assert runtime.call("f", code)[0] is None
    assert runtime.call("f", code)[1] is None
    with pytest.raises(ScriptError, match="bytecode"):
        engine.compile(code, "x")


def test_text_is_loaded_with_the_sandbox_around_it(engine: Engine) -> None:
    assert returned(engine, "load('return io, 5')()") == (None, 5)
    assert returned(engine, "load('return (')") [0] is None  # fmt: skip
    assert returned(engine, "(load(function() return nil end) or print)()") == ()


def test_the_metatable_of_strings_is_hidden(engine: Engine) -> None:
    assert returned(engine, "getmetatable('')") is False
    with pytest.raises(ScriptError):
        returned(engine, "setmetatable('', {})")


def test_a_script_cannot_break_the_guards_by_redefining_globals(engine: Engine) -> None:
    source = "error, type, select, rawget, tostring, string.sub, coroutine.resume = nil function f() while true do pcall(g) end end"
    with pytest.raises(LimitExceeded):
        loaded(engine, f"{source} function g() while true do end end").call("f")


# --- other things that scripts want ------------------------------------------------------------------------------------------


def test_print_goes_to_the_output(engine: Engine) -> None:
    said: list[str] = []
    loaded(engine, "print('a', 1, nil, true) print(('x'):rep(70000))", output=said.append)
    assert said[0] == "a\t1\tnil\ttrue"
    assert len(said[1]) == 65536


def test_other_scripts_are_required_once_or_run_each_time(engine: Engine) -> None:
    scripts = {"common": engine.compile(b"loads = (loads or 0) + 1 return {answer = 42}", "common.lua")}
    source = "function f() return require('common').answer, require('common') == require('common'), dofile('common').answer, loads end"
    assert loaded(engine, source, fetch=scripts.get).call("f") == (42, True, 42, 2)
    with pytest.raises(ScriptError, match="no script named nothing"):
        loaded(engine, "require('nothing')", fetch=scripts.get)


def test_coroutines_and_protected_calls_work_as_ever(engine: Engine) -> None:
    body = (
        "local c = coroutine.wrap(function(a) local b = coroutine.yield(a + 1) error('gone ' .. b, 0) end) "
        "local one = c(1) local ok, text = pcall(c, 'x') "
        "local fine, handled = xpcall(function() error('e', 0) end, function(e) return e .. '!' end) "
        "return one, ok, text, fine, handled, select('#', pcall(function() return 1, nil, nil end))"
    )
    assert loaded(engine, f"function f() {body} end").call("f") == (2, False, "gone x", False, "e!", 4)


def test_dates_and_times_are_there(engine: Engine) -> None:
    assert returned(engine, "type(os.date('*t').year), type(os.time()), type(os.clock())") == ("number", "number", "number")


def test_a_state_goes_away_with_its_session(engine: Engine) -> None:
    class Session:
        def __init__(self) -> None:
            self.runtime = loaded(engine, "function f() return look() end")
            self.runtime.provide("look", self.look)

        def look(self) -> int:
            return 7

    session = Session()
    assert session.runtime.call("f") == (7,)
    gone = weakref.ref(session.runtime), weakref.ref(session)
    del session
    gc.collect()
    assert [one() for one in gone] == [None, None]


def test_making_a_state_is_cheap(engine: Engine) -> None:
    best = min(_timed(lambda: Runtime(engine)) for _ in range(50))
    assert best < 0.002  # about 0.1 ms on the reference machine


def _timed(work: Any) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
