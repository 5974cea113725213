import { createHash } from 'node:crypto'

/** A script and its digest. Once the script has run, the server knows it by the digest. */
export interface Script {
  readonly source: string
  readonly sha1: string
}

const script = (source: string): Script => ({ source, sha1: createHash('sha1').update(source).digest('hex') })

/**
 * The minimum time for which the head of a topic is remembered, in milliseconds. Without the head, the next message has
 * no predecessor, which looks like a gap.
 */
const REMEMBER_HEAD = 24 * 60 * 60 * 1000
/** An id is remembered between one and two times this long, in milliseconds. */
const REMEMBER_IDS = 60 * 1000

/** The error of PUBLISH if the server does not have the previous message. */
export const UNORDERED = 'UNORDERED'

/**
 * Chains each message to its predecessor and appends it, unless its id is known. Then trims the stream, sets its expiry
 * and announces the new messages. Answers with the places of all messages, in one string, which is cheaper
 * to parse than a list. Two hashes take turns each minute to store ids, so that ids expire with a whole hash.
 *
 * A message is: tag LF length of envelope LF envelope. An announcement is: 'm', the predecessor of the first message,
 * LF, then for each message: cursor LF length of envelope LF envelope.
 *
 * KEYS: stream (and channel), head, ids of even minutes, ids of odd minutes
 * ARGV: messages, size, ttl, optionally the tag of a message that must be known
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
places = table.concat(places, ' ')
if #announced == 0 then return places end
if size == '0' then redis.call('DEL', KEYS[1]) else redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
redis.call('SET', KEYS[2], head, 'PX', math.max(${REMEMBER_HEAD}, ARGV[3]))
if redis.call('PTTL', current) < 0 then redis.call('PEXPIREAT', current, (window + 2) * ${REMEMBER_IDS}) end
redis.call('SPUBLISH', KEYS[1], 'm' .. first .. '\\n' .. table.concat(announced))
return places
`)

/**
 * Returns the head of a topic. A topic without messages gets an initial cursor as the predecessor of its first message:
 * if that message is lost, the `prev` of the next one reveals the gap.
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
 * Adds a holder, i.e. a process with a lease, to a member. The value of a member is: number of holders LF member.
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

/**
 * Removes a holder from a member, or from all its members.
 *
 * KEYS: channel, members, holds · ARGV: holder, optionally an id
 */
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
 * Renews a lease. Answers whether it was in force, followed by the holders whose leases have expired.
 *
 * KEYS: leases · ARGV: optionally holder and lease
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
 * Replaces an expired lease by a short one, so that only one process removes its members. If that process is gone as
 * well, another one claims the short lease when it expires. Answers 1 if the caller has to remove the members.
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
