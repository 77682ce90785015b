-- KEYS: of messages, and of the marker of a bucket if that is due. ARGV: the marker that the caller knows; then of each message old ('' for
-- none), next, and life in milliseconds. Returns for each message '+' if next is live, '-' if nothing is, '=' and the live value, or '?' if that
-- has another length. Or 'since:' and the marker of the bucket if that is another one.
local n = (#ARGV - 1) / 3
if KEYS[n + 1] then
  local since = redis.call('GET', KEYS[n + 1])
  if since ~= ARGV[1] then return 'since:' .. (since or '') end
end
local replies = {}
for i = 1, n do
  local key, old, new, life = KEYS[i], ARGV[3 * i - 1], ARGV[3 * i], ARGV[3 * i + 1]
  local reply = '+'
  -- The first claim of a message is one command.
  if old ~= '' or not redis.call('SET', key, new, 'NX', 'PX', life) then
    local live = redis.call('GET', key) or ''
    if live == old and live ~= '' then
      redis.call('SET', key, new, 'PX', life)
    elseif live ~= new then
      reply = live == '' and '-' or #live == #new and '=' .. live or '?'
    end
  end
  replies[i] = reply
end
return table.concat(replies)
