-- Limits on what a script may use. Trusted: runs in each new state before any script, and keeps what it needs in locals,
-- so that nothing a script does to its globals reaches it.
--
-- How a script is stopped. `tick` runs after every STEP instructions of a thread (Lua asks for a hook on each coroutine, so
-- coroutine.create sets it). When a limit is passed, `tick` sets `broken` and raises. The script may catch that; therefore pcall,
-- xpcall and coroutine.resume raise again when `broken` is set, and message handlers are not called any more: Lua runs them
-- inside the hook, where no second hook fires. For the same reason there are no finalizers (__gc) and nothing is closed in a
-- broken coroutine (__close).
--
-- At the bottom of the C stack (200 nested calls) there is no room to call `tick`, and Lua raises an error instead. A script may
-- catch that error as well, so the time is looked at whenever an error is caught.
--
-- Memory. Lua must not run out of it while Python pushes a value, because nothing would catch the error. So the limit is in
-- force only while a script runs: `relimit` on the way in, `unlimit` on the way out.

local host, STEP = ...
local relimit, unlimit = host.relimit, host.unlimit
local sethook, getinfo, clock = debug.sethook, debug.getinfo, os.clock
local error, type, rawget, rawset, select, tostring = error, type, rawget, rawset, select, tostring
local rawpcall, rawxpcall, rawsetmetatable = pcall, xpcall, setmetatable
local create, resume, closethread = coroutine.create, coroutine.resume, coroutine.close
local sub, match, rawrep = string.sub, string.match, string.rep
local FIFTY_ONE, collect = _VERSION == "Lua 5.1", collectgarbage
local globals  -- of scripts; library.lua makes the table

local STOP = {}       -- the error that stops a script
local broken          -- which limit is passed: "instructions", "time", "stopped"
local place, line     -- where that or an error happened
local spent, allowed  -- instructions
local stops           -- the clock (seconds of CPU) at which the time is over
local depth = 0       -- of calls from Python: a helper may call a function again

local limits = {}

local function locate(level)
  place, line = nil, nil
  while true do
    local info = getinfo(level, "Sl")
    if not info then return end
    if info.currentline > 0 and sub(info.source, 1, 1) == "@" then
      place, line = sub(info.source, 2), info.currentline
      return
    end
    level = level + 1
  end
end

local function tick()
  spent = spent + STEP
  if not broken then
    if spent > allowed then broken = "instructions" elseif clock() > stops then broken = "time" end
    if broken then locate(3) end
  end
  if broken then error(STOP, 0) end
end

-- For library functions that work long in C, where no instruction is counted.
function limits.check()
  if not broken and clock() > stops then
    broken = "time"
    locate(3)
  end
  if broken then error(STOP, 0) end
end

local function checked(ok, ...)
  if not ok and not broken and clock() > stops then
    broken = "time"
    locate(3)
  end
  if broken then error(STOP, 0) end
  return ok, ...
end

function pcall(...)
  return checked(rawpcall(...))
end

function xpcall(f, handler, ...)
  local function quiet(problem)
    if broken then return problem end
    return handler(problem)
  end
  return checked(rawxpcall(f, quiet, ...))
end

local function armed(f)
  local thread = create(f)
  sethook(thread, tick, "", STEP)
  return thread
end

local function passed(ok, ...)
  if not ok then error((...), 0) end
  return ...
end

coroutine.create = armed

function coroutine.resume(...)
  return checked(resume(...))
end

function coroutine.wrap(f)
  local thread = armed(f)
  return function(...)
    return passed(checked(resume(thread, ...)))
  end
end

if closethread then
  function coroutine.close(thread)
    return checked(closethread(checked(thread)))
  end
end

function setmetatable(object, meta)
  if type(meta) == "table" and rawget(meta, "__gc") ~= nil then
    error("__gc is not available", 2)
  end
  return rawsetmetatable(object, meta)
end

-- Calls from Python -------------------------------------------------------------------------------------------------------

local function described(problem)
  local kind = type(problem)
  if kind == "string" or kind == "number" then return sub(problem, 1, 2000) end
  return "(error object is a " .. kind .. " value)"
end

local function handler(problem)
  if not broken then locate(3) end
  return problem
end

local function left(ok, ...)
  if depth == 1 then sethook() end  -- or it would fire in the code around a script, where nothing catches what it raises
  depth = depth - 1
  unlimit()
  local kind = broken
  if depth == 0 then broken = nil end
  if kind then return kind, place, line end
  if ok then return "ok", ... end
  local text = described((...))
  if match(text, "^not enough memory") then return "memory" end
  return "error", place, line, text
end

local function entered(f, ...)
  if depth == 0 then
    spent, broken, place, line = 0, nil, nil, nil
    allowed, stops = host.instructions, clock() + host.seconds
    sethook(tick, "", STEP)
  end
  -- 5.1 does not collect garbage when memory runs out, so it starts with what is really free.
  if FIFTY_ONE and depth == 0 and collect("count") * 2048 > host.memory then collect() end
  depth = depth + 1
  relimit()
  if FIFTY_ONE and select("#", ...) > 0 then  -- its xpcall passes no arguments on
    local arguments, count = { ... }, select("#", ...)
    local unpack = limits.unpack
    return left(rawxpcall(function() return f(unpack(arguments, 1, count)) end, handler))
  end
  return left(rawxpcall(f, handler, ...))
end

-- Each returns: a kind ("ok", "missing", "error", "memory" or a limit), then results, or place, line and text.
function limits.run(f, ...)
  return entered(f, ...)
end

function limits.call(name, ...)
  local f = rawget(globals, name)
  if type(f) ~= "function" then return "missing" end
  return entered(f, ...)
end

-- After an error that came out of the functions above, because there was no memory left or the hook has fired in `left`: which limit
-- was passed, with place and line. `now`: how deep we are.
function limits.settle(now)
  local kind = broken
  depth = now
  if depth == 0 then
    sethook()
    broken = nil
  end
  if kind then return kind, place, line end
  return "memory"
end

function limits.has(name)
  return type(rawget(globals, name)) == "function"
end

function limits.get(name)
  return rawget(globals, name)
end

function limits.set(name, value)
  rawset(globals, name, value)
end

-- Calls to Python ---------------------------------------------------------------------------------------------------------

local function answered(before, ok, ...)
  relimit()
  stops = stops + (clock() - before)  -- the time of a helper is not the script's
  if ok then return ... end
  if ok == nil then
    broken = broken or ...
    locate(3)
  end
  if broken then error(STOP, 0) end
  error((...), 2)
end

-- A function for scripts out of a Python function that answers (true, results ...), (false, message) or (nil, limit).
-- Scripts never hold a Python object, only such closures.
function limits.helper(f)
  return function(...)
    unlimit()
    return answered(clock(), f(...))
  end
end

function limits.confine(table)
  globals = table
end

limits.unpack = unpack or table.unpack
return limits
