import { createHash } from 'node:crypto'

/** A script with its digest, by which the server knows it once it has run. */
export interface Script {
  readonly source: string
  readonly sha1: string
}

const script = (source: string): Script => ({ source, sha1: createHash('sha1').update(source).digest('hex') })

/**
 * How long the head of a topic is remembered at least, in milliseconds: a chain that is forgotten sooner looks broken.
 */
const REMEMBER_HEAD = 24 * 60 * 60 * 1000
/** How long an id is remembered at least, and at most twice as long. */
const REMEMBER_IDS = 60 * 1000

/** The error of PUBLISH where the message is missing that was sent before these. */
export const UNORDERED = 'UNORDERED'

/**
 * For each message: drops it if its id is known; else chains it to its predecessor, and appends it. Then trims, sets
 * the time, and announces what is new. Answers with the places. Ids are kept in two hashes by turns, each for a minute,
 * which then expires as a whole.
 *
 * A message is: tag LF length of envelope LF envelope. An announcement is: the predecessor of the first, LF, then for
 * each message: cursor LF length of envelope LF envelope.
 *
 * KEYS: stream (and channel), head, ids of even minutes, ids of odd minutes
 * ARGV: messages, size, ttl, the tag of the message that must be there, or none
 */
export const PUBLISH = script(`
local now = redis.call('TIME')
local window = math.floor(now[1] * 1000 / ${REMEMBER_IDS})
local current, other = KEYS[3 + window % 2], KEYS[4 - window % 2]
if ARGV[4] and not redis.call('HGET', current, ARGV[4]) and not redis.call('HGET', other, ARGV[4]) then
  return redis.error_reply('${UNORDERED} what was sent before is not there')
end
local first = redis.call('GET', KEYS[2]) or ''
local head, messages, size = first, ARGV[1], ARGV[2]
local places, announced, at, length = {}, {}, 1, #ARGV[1]
while at <= length do
  local tagEnd = string.find(messages, '\\n', at, true)
  local sizeEnd = string.find(messages, '\\n', tagEnd + 1, true)
  local tag = string.sub(messages, at, tagEnd - 1)
  local last = sizeEnd + tonumber(string.sub(messages, tagEnd + 1, sizeEnd - 1))
  local place = redis.call('HGET', current, tag) or redis.call('HGET', other, tag)
  if not place then
    if size == '0' then
      place = now[1] .. '-' .. now[2]
    else
      local entry = tag .. '\\n' .. head .. '\\n' .. string.sub(messages, sizeEnd + 1, last)
      place = redis.call('XADD', KEYS[1], 'MAXLEN', '=', size, '*', 'm', entry)
    end
    redis.call('HSET', current, tag, place)
    head = place .. '.' .. tag
    announced[#announced + 1] = head .. string.sub(messages, tagEnd, last)
  end
  places[#places + 1] = place
  at = last + 1
end
if #announced == 0 then return places end
if size == '0' then redis.call('DEL', KEYS[1]) else redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
redis.call('SET', KEYS[2], head, 'PX', math.max(${REMEMBER_HEAD}, ARGV[3]))
if redis.call('PTTL', current) < 0 then redis.call('PEXPIREAT', current, (window + 2) * ${REMEMBER_IDS}) end
redis.call('SPUBLISH', KEYS[1], 'm' .. first .. '\\n' .. table.concat(announced))
return places
`)

/**
 * The head of a topic. One without messages gets a beginning, so that its first message has a predecessor: if that
 * message is lost, the next one shows it.
 *
 * KEYS: head · ARGV: a new cursor
 */
export const HEAD = script(`
local head = redis.call('GET', KEYS[1])
if head then return head end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ${REMEMBER_HEAD})
return ARGV[1]
`)

/**
 * A holder is a process with a lease. Of each member the number of its holders is kept, and what it is.
 *
 * KEYS: channel, members, holds · ARGV: holder, id, member
 */
export const JOIN = script(`
if redis.call('ZADD', KEYS[3], 'NX', 0, ARGV[1] .. '\\0' .. ARGV[2]) == 0 then return 0 end
local known = redis.call('HGET', KEYS[2], ARGV[2])
local count, member = 0, ARGV[3]
if known then
  local at = string.find(known, '\\n', 1, true)
  count, member = tonumber(string.sub(known, 1, at - 1)), string.sub(known, at + 1)
end
redis.call('HSET', KEYS[2], ARGV[2], (count + 1) .. '\\n' .. member)
if count == 0 then redis.call('SPUBLISH', KEYS[1], '+' .. member) end
return 1
`)

/** KEYS: channel, members, holds · ARGV: holder, and the id that it lets go of, or none for all */
export const LEAVE = script(`
local ids = { ARGV[2] }
if not ARGV[2] then
  ids = redis.call('ZRANGEBYLEX', KEYS[3], '[' .. ARGV[1] .. '\\0', '(' .. ARGV[1] .. '\\1')
  for i = 1, #ids do ids[i] = string.sub(ids[i], #ARGV[1] + 2) end
end
for i = 1, #ids do
  if redis.call('ZREM', KEYS[3], ARGV[1] .. '\\0' .. ids[i]) == 1 then
    local known = redis.call('HGET', KEYS[2], ids[i])
    if known then
      local at = string.find(known, '\\n', 1, true)
      local count, member = tonumber(string.sub(known, 1, at - 1)), string.sub(known, at + 1)
      if count > 1 then
        redis.call('HSET', KEYS[2], ids[i], (count - 1) .. '\\n' .. member)
      else
        redis.call('HDEL', KEYS[2], ids[i])
        redis.call('SPUBLISH', KEYS[1], '-' .. member)
      end
    end
  end
end
return #ids
`)

/**
 * Renews a lease. Answers whether it was in force, followed by the holders whose lease is over.
 *
 * KEYS: leases · ARGV: holder and lease, or none to look only
 */
export const RENEW = script(`
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
local answer = { '0' }
if ARGV[1] then
  if redis.call('ZSCORE', KEYS[1], ARGV[1]) then answer[1] = '1' end
  redis.call('ZADD', KEYS[1], ms + ARGV[2], ARGV[1])
end
for _, holder in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ms)) do answer[#answer + 1] = holder end
return answer
`)

/**
 * Ends a lease that is over, so that one process clears up behind it; if that one is gone as well, another does, after
 * a while. Answers whether it is for the caller to do.
 *
 * KEYS: leases · ARGV: holder, the name of its remains
 */
export const CLAIM = script(`
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
local over = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not over or tonumber(over) > ms then return 0 end
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[1], ms + 5000, ARGV[2])
return 1
`)
