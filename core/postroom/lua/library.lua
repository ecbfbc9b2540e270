-- The standard library as scripts see it: what reaches outside is taken away, and what could work for ever inside C is
-- guarded. Trusted, see limits.lua.

local host, limits = ...
local check, helper = limits.check, limits.helper
local error, type, select, tostring, pairs, rawget, _G = error, type, select, tostring, pairs, rawget, _G
local getmeta = debug.getmetatable
local concat, insert, remove, sort, move = table.concat, table.insert, table.remove, table.sort, table.move
local find, match, gmatch, gsub, rep, byte = string.find, string.match, string.gmatch, string.gsub, string.rep, string.byte
local loadtext, collect, setenv = loadstring or load, collectgarbage, setfenv
local unpack = limits.unpack
local FIFTY_ONE = _VERSION == "Lua 5.1"
local MAX_SOURCE = 1048576   -- bytes of a chunk to load
local MAX_PRINT = 65536      -- bytes of one print
local STEPS = 10000000       -- what a pattern may need in the C library at worst (0.1 s); beyond it, patterns.lua counts

-- Scripts get a table of globals of their own. The real one stays empty and out of reach: lupa looks there for a global "debug"
-- before each call, unprotected, and a metatable that a script had put on it would run there.
-- Left out are io, package, debug, python, getfenv and setfenv, bytecode, files, the environment, other processes.
local NAMES = {
  "_VERSION", "assert", "error", "getmetatable", "ipairs", "next", "pairs", "pcall", "rawequal", "rawget", "rawlen", "rawset",
  "select", "setmetatable", "tonumber", "tostring", "type", "unpack", "xpcall", "coroutine", "string", "table", "math", "bit32", "utf8",
}
-- What patterns.lua works with, whatever a script does to its own.
local ORIGINALS = {
  string = { byte = byte, sub = string.sub, char = string.char }, table = { concat = concat, unpack = unpack }, unpack = unpack,
  error = error, type = type, tostring = tostring, select = select, tonumber = tonumber, _VERSION = _VERSION,
}
local globals = {}
for _, name in pairs(NAMES) do globals[name] = _G[name] end
globals._G = globals
globals.os = { clock = os.clock, date = os.date, difftime = os.difftime, time = os.time }
limits.confine(globals)

local string, table = string, table
string.dump = nil
string.gfind = nil  -- 5.1: an old name of gmatch, unguarded
table.foreach, table.foreachi, table.getn, table.setn = nil, nil, nil, nil
getmeta("").__metatable = false  -- strings find their methods in the guarded table below

-- Strings ------------------------------------------------------------------------------------------------------------------

function string.rep(text, count, separator)
  if text == "" and (separator == nil or separator == "") then return "" end  -- it would loop `count` times over nothing
  return rep(text, count, separator)
end

local patterns = helper(host.patterns)
local careful  -- patterns.lua, loaded when first needed
local compiled
local function slow(name)
  careful = careful or compiled(patterns(), nil, "b", ORIGINALS)(find, gsub)
  return careful[name]
end

local powers, choices, known = {}, {}, 0
local function weigh(pattern)
  if known == 256 then powers, choices, known = {}, {}, 0 end
  local _, power = gsub(pattern, "[*+%-]", "")
  local _, balanced = gsub(pattern, "%%b", "")
  local _, optional = gsub(pattern, "%?", "")
  -- Not anchored by ^: tried at every position.
  powers[pattern] = power + balanced + (byte(pattern) == 94 and 0 or 1)
  choices[pattern], known = 2 ^ optional, known + 1
end

-- Could this pattern need too many steps? Each quantifier may try every length at every length of the one before it.
local function heavy(text, pattern)
  if type(text) ~= "string" or type(pattern) ~= "string" then return false end
  if not powers[pattern] then weigh(pattern) end
  return (#text + 1) ^ powers[pattern] * choices[pattern] > STEPS
end

local function plain(text, sought, init)
  if #text * #sought <= STEPS * 10 then return find(text, sought, init, true) end
  local start = host.find(text, sought, type(init) == "number" and init or 1)
  check()
  if start then return start, start + #sought - 1 end
end

function string.find(text, pattern, init, exact)
  if type(text) == "string" and type(pattern) == "string" then
    if exact or not find(pattern, "[%^%$%*%+%?%.%(%[%%%-]") then return plain(text, pattern, init) end
    if heavy(text, pattern) then return slow("find")(text, pattern, init) end
  end
  return find(text, pattern, init, exact)
end

function string.match(text, pattern, init)
  if heavy(text, pattern) then return slow("match")(text, pattern, init) end
  return match(text, pattern, init)
end

function string.gmatch(text, pattern, ...)
  if heavy(text, pattern) then return slow("gmatch")(text, pattern, ...) end
  return gmatch(text, pattern, ...)
end

function string.gsub(text, pattern, ...)
  if heavy(text, pattern) then return slow("gsub")(text, pattern, ...) end
  if type(text) == "string" and #text > 10000 then check() end
  return gsub(text, pattern, ...)
end

-- Tables -------------------------------------------------------------------------------------------------------------------

-- With a __len of its own a table may claim any length, and C would count up to it.
local function honest(object)
  local meta = type(object) == "table" and getmeta(object)
  if meta and rawget(meta, "__len") ~= nil then error("a table with __len is not taken here", 3) end
  return object
end

function table.insert(object, ...)
  return insert(honest(object), ...)
end

function table.remove(object, ...)
  return remove(honest(object), ...)
end

function table.concat(object, ...)
  local text = concat(honest(object), ...)
  if #text > 10000 then check() end
  return text
end

function table.sort(object, ...)
  check()
  sort(honest(object), ...)
  check()
end

if move then
  function table.move(from, first, last, ...)
    if type(first) == "number" and type(last) == "number" and last - first > 1000000 then
      error("too many elements to move", 2)
    end
    check()
    return move(from, first, last, ...)
  end
end

if table.unpack then
  function table.unpack(object, first, last)
    return unpack(last == nil and honest(object) or object, first, last)
  end
end

-- Code ---------------------------------------------------------------------------------------------------------------------

local function source(chunk)
  if type(chunk) ~= "function" then return chunk end
  local parts, size = {}, 0
  while true do
    local part = chunk()
    if part == nil or part == "" then return concat(parts) end
    if type(part) ~= "string" then error("reader function must return a string", 3) end
    parts[#parts + 1], size = part, size + #part
    if size > MAX_SOURCE then error("the chunk is too large", 3) end
  end
end

-- Text or trusted bytecode as a function whose globals are the given ones.
function compiled(chunk, name, mode, environment)
  if not FIFTY_ONE then return loadtext(chunk, name, mode, environment) end
  local code, problem = loadtext(chunk, name)
  if code then return setenv(code, environment) end
  return nil, problem
end

function globals.load(chunk, name, mode, ...)
  chunk = source(chunk)
  if type(chunk) ~= "string" then error("bad argument #1 to 'load' (string or function expected)", 2) end
  if byte(chunk) == 27 then return nil, "attempt to load a binary chunk" end
  if #chunk > MAX_SOURCE then return nil, "the chunk is too large" end
  name = type(name) == "string" and name or "=(load)"
  check()
  local environment = globals
  if select("#", ...) > 0 then environment = (...) end
  return compiled(chunk, name, "t", environment)
end

if FIFTY_ONE then globals.loadstring = globals.load end

function limits.load(code)
  return compiled(code, nil, "b", globals)
end

local fetched = helper(host.script)
local function script(name)
  local code = fetched(name)
  if not code then error("there is no script named " .. tostring(name), 3) end
  return limits.load(code)  -- Postroom itself has compiled it from the text
end

function globals.dofile(name)
  return script(name)()
end

local loaded = {}
function globals.require(name)
  local value = loaded[name]
  if value == nil then
    loaded[name] = true  -- a script that requires itself gets this
    value = script(name)(name)
    if value == nil then value = true end
    loaded[name] = value
  end
  return value
end

function globals.collectgarbage(option)
  return option == "count" and collect("count") or 0  -- a full collection takes long, and nothing counts it
end

local print_text = helper(host.print)
function globals.print(...)
  local parts = {}
  for index = 1, select("#", ...) do
    parts[index] = tostring((select(index, ...)))
  end
  local text = concat(parts, "\t")
  print_text(#text > MAX_PRINT and text:sub(1, MAX_PRINT) or text)
end

for name in pairs(_G) do _G[name] = nil end
