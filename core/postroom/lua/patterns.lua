-- Lua's patterns matched in Lua, slower than in C and countable: for a pattern and text that may need very many steps.
-- It gives what the C library gives (a test compares them); only "pattern too complex" does not exist here.

local find, gsub = ...
local byte, sub, char = string.byte, string.sub, string.char
local error, type, tostring, select, tonumber = error, type, tostring, select, tonumber
local concat = table.concat
local unpack = unpack or table.unpack

local _, EMPTIES = gsub("abc", "%w*", "x")
local SKIPS = EMPTIES == 1                     -- from 5.3.6 on, an empty match right behind a match does not count
local STRICT = _VERSION ~= "Lua 5.1"           -- about a "%" in a replacement
local UNSIGNED = _VERSION == "Lua 5.2"         -- there, less than no replacements are very many
local STARTS = _VERSION == "Lua 5.4"           -- only there gmatch takes a start
local CLIPS = find("", "", 10) ~= nil          -- in 5.1, a start behind the end is the end
local PERCENT, OPEN, CLOSE, DOLLAR, DOT, SET, UNSET, CARET, MINUS = 37, 40, 41, 36, 46, 91, 93, 94, 45

local members = {}  -- item → byte → does the item match that byte? answered by the C library once for each pair

local function belongs(item, code)
  local known = members[item]
  if not known then
    known = {}
    members[item] = known
  end
  local answer = known[code]
  if answer == nil then
    answer = find(char(code), "^" .. item) ~= nil
    known[code] = answer
  end
  return answer
end

-- The position behind the single item at `at`: a character, an escape or a set.
local function behind(pattern, at)
  local code = byte(pattern, at)
  if code == PERCENT then
    if at == #pattern then error("malformed pattern (ends with '%')", 0) end
    return at + 2
  end
  if code ~= SET then return at + 1 end
  at = at + 1
  if byte(pattern, at) == CARET then at = at + 1 end
  repeat
    if at > #pattern then error("malformed pattern (missing ']')", 0) end
    at = at + (byte(pattern, at) == PERCENT and 2 or 1)
  until byte(pattern, at) == UNSET
  return at + 1
end

local function matcher(text, pattern)
  local size, length = #text, #pattern
  local level, starts, ends = 0, {}, {}  -- captures; ends[n] is -1 for an open one and -2 for a position
  local match

  local function one(at, item, code)  -- does the item match the character at `at`?
    local here = byte(text, at)
    if not here then return false end
    if code == DOT then return true end
    if code == PERCENT or code == SET then return belongs(item, here) end
    return code == here
  end

  local function balanced(at, from)
    local first, last = byte(pattern, from, from + 1)
    if not last then error("malformed pattern (missing arguments to '%b')", 0) end
    if byte(text, at) ~= first then return nil end
    local depth = 1
    for position = at + 1, size do
      local code = byte(text, position)
      if code == last then
        depth = depth - 1
        if depth == 0 then return position + 1 end
      elseif code == first then
        depth = depth + 1
      end
    end
  end

  local function captured(index)
    if index < 1 or index > level or ends[index] == -1 then error("invalid capture index", 0) end
    if ends[index] == -2 then return nil end  -- a position is no text
    return sub(text, starts[index], ends[index] - 1)
  end

  local function open(at, from, mark)
    if level >= 32 then error("too many captures", 0) end
    level = level + 1
    starts[level], ends[level] = at, mark
    local stop = match(at, from)
    if not stop then level = level - 1 end
    return stop
  end

  local function close(at, from)
    local index = level
    while index > 0 and ends[index] ~= -1 do index = index - 1 end
    if index == 0 then error("invalid pattern capture", 0) end
    ends[index] = at
    local stop = match(at, from)
    if not stop then ends[index] = -1 end
    return stop
  end

  local function longest(at, from, item, code)
    local count = 0
    while one(at + count, item, code) do count = count + 1 end
    while count >= 0 do
      local stop = match(at + count, from)
      if stop then return stop end
      count = count - 1
    end
  end

  local function shortest(at, from, item, code)
    while true do
      local stop = match(at, from)
      if stop then return stop end
      if not one(at, item, code) then return nil end
      at = at + 1
    end
  end

  -- What follows a "%": the special forms; returns whether it was one, and the new positions or nil.
  local function special(at, from)
    local code = byte(pattern, from + 1)
    if code == 98 then  -- b
      return true, balanced(at, from + 2), from + 4
    elseif code == 102 then  -- f
      from = from + 2
      if byte(pattern, from) ~= SET then error("missing '[' after '%f' in pattern", 0) end
      local stop = behind(pattern, from)
      local item = sub(pattern, from, stop - 1)
      local before, here = byte(text, at - 1) or 0, byte(text, at) or 0
      if at == 1 then before = 0 end
      return true, not belongs(item, before) and belongs(item, here) and at or nil, stop
    elseif code and code >= 48 and code <= 57 then
      local back = captured(code - 48)
      return true, back and sub(text, at, at + #back - 1) == back and at + #back or nil, from + 2
    end
    return false
  end

  function match(at, from)
    while from <= length do
      local code = byte(pattern, from)
      if code == OPEN then
        if byte(pattern, from + 1) == CLOSE then return open(at, from + 2, -2) end
        return open(at, from + 1, -1)
      elseif code == CLOSE then
        return close(at, from + 1)
      elseif code == DOLLAR and from == length then
        return at == size + 1 and at or nil
      end
      local was, stop, next_item = false, nil, nil
      if code == PERCENT then was, stop, next_item = special(at, from) end
      if was then
        if not stop then return nil end
        at, from = stop, next_item
      else
        local next_from = behind(pattern, from)
        local item = sub(pattern, from, next_from - 1)
        local quantifier = byte(pattern, next_from)
        if quantifier == 63 then  -- ?
          if one(at, item, code) then
            local found = match(at + 1, next_from + 1)
            if found then return found end
          end
          from = next_from + 1
        elseif quantifier == 43 then  -- +
          return one(at, item, code) and longest(at + 1, next_from + 1, item, code) or nil
        elseif quantifier == 42 then  -- *
          return longest(at, next_from + 1, item, code)
        elseif quantifier == MINUS then
          return shortest(at, next_from + 1, item, code)
        elseif one(at, item, code) then
          at, from = at + 1, next_from
        else
          return nil
        end
      end
    end
    return at
  end

  -- One capture of the match from `first` to before `stop`; without captures the whole match is the first.
  local function value(index, first, stop)
    if index > level then
      if index ~= 1 then error("invalid capture index", 0) end
      return sub(text, first, stop - 1)
    end
    if ends[index] == -2 then return starts[index] end
    if ends[index] == -1 then error("unfinished capture", 0) end
    return sub(text, starts[index], ends[index] - 1)
  end

  -- All captures; when there are none, the whole match or nothing.
  local function values(first, stop, always)
    local count, found = level == 0 and always and 1 or level, {}
    for index = 1, count do found[index] = value(index, first, stop) end
    return count, found
  end

  return function(at, from)  -- try one position
    level = 0
    return match(at, from)
  end, values, value
end

local function begin(text, init)
  local start = init or 1
  if start < 0 then start = #text + start + 1 end
  if start < 1 then start = 1 end
  if start > #text + 1 then
    if not CLIPS then return nil end
    start = #text + 1
  end
  return start
end

local function search(text, pattern, init)
  local at = begin(text, init)
  if not at then return nil end
  local try, values = matcher(text, pattern)
  local anchored = byte(pattern) == CARET
  repeat
    local stop = try(at, anchored and 2 or 1)
    if stop then return at, stop, values end
    at = at + 1
  until anchored or at > #text + 1
end

local careful = {}

function careful.find(text, pattern, init)
  if not find(pattern, "[%^%$%*%+%?%.%(%[%%%-]") then return find(text, pattern, init, true) end
  local at, stop, values = search(text, pattern, init)
  if not at then return nil end
  local count, found = values(at, stop, false)
  return at, stop - 1, unpack(found, 1, count)
end

function careful.match(text, pattern, init)
  local at, stop, values = search(text, pattern, init)
  if not at then return nil end
  local count, found = values(at, stop, true)
  return unpack(found, 1, count)
end

function careful.gmatch(text, pattern, init)
  local try, values = matcher(text, pattern)
  local at, last = STARTS and (begin(text, init) or #text + 2) or 1, nil
  return function()
    while at <= #text + 1 do
      local start = at
      local stop = try(start, 1)
      at = start + 1
      if stop and not (SKIPS and stop == last) then
        at = (SKIPS or stop > start) and stop or start + 1
        last = stop
        local count, found = values(start, stop, true)
        return unpack(found, 1, count)
      end
    end
  end
end

local function replaced(text, replacement, kind, start, stop, values, value)
  local result
  if kind == "function" then
    local count, found = values(start, stop, true)
    result = replacement(unpack(found, 1, count))
  elseif kind == "table" then
    result = replacement[value(1, start, stop)]
  else
    return (gsub(replacement, "%%(.?)", function(mark)
      if mark == "0" then return sub(text, start, stop - 1) end
      if mark == "" and not STRICT then return "\0" end
      local index = tonumber(mark)
      if STRICT and not index and mark ~= "%" then error("invalid use of '%' in replacement string", 0) end
      return index and tostring(value(index, start, stop)) or mark
    end))
  end
  if not result then return sub(text, start, stop - 1) end
  if type(result) ~= "string" and type(result) ~= "number" then
    error("invalid replacement value (a " .. type(result) .. ")", 0)
  end
  return result
end

function careful.gsub(text, pattern, replacement, most)
  local kind = type(replacement)
  if kind == "number" then replacement, kind = tostring(replacement), "string" end
  if kind ~= "string" and kind ~= "table" and kind ~= "function" then
    error("bad argument #3 to 'gsub' (string/function/table expected)", 2)
  end
  if UNSIGNED and most and most < 0 then most = nil end
  local anchored = byte(pattern) == CARET
  local try, values, value = matcher(text, pattern)
  local at, count, parts, last = 1, 0, {}, nil
  while not most or count < most do
    local stop = try(at, anchored and 2 or 1)
    if stop and not (SKIPS and stop == last) then
      count = count + 1
      parts[#parts + 1] = replaced(text, replacement, kind, at, stop, values, value)
    end
    if stop and (stop > at or (SKIPS and stop ~= last)) then
      at, last = stop, stop
    elseif at <= #text then
      parts[#parts + 1] = sub(text, at, at)
      at = at + 1
    else
      break
    end
    if anchored then break end
  end
  parts[#parts + 1] = sub(text, at)
  return concat(parts), count
end

return careful
