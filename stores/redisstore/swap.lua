-- KEYS: of a message, of its bucket's marker. ARGV: old ('' for none), next, life in milliseconds, the marker that the caller knows.
-- Returns the live value, '' for none; or 'since:' and the marker of the bucket if that is another one.
if ARGV[1] == '' then
  local since = redis.call('GET', KEYS[2])
  if since ~= ARGV[4] then return 'since:' .. (since or '') end
  if redis.call('SET', KEYS[1], ARGV[2], 'NX', 'PX', ARGV[3]) then
    return ARGV[2] -- the first claim of a message
  end
end
local live = redis.call('GET', KEYS[1]) or ''
if live == ARGV[1] and live ~= '' then
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
  return ARGV[2]
end
return live
