-- KEYS: of a message, and of its bucket's marker if that is due. ARGV: old ('' for none), next, life in milliseconds, the marker that the
-- caller knows. Returns the live value, '' for none; or 'since:' and the marker of the bucket if that is another one.
if KEYS[2] then
  local since = redis.call('GET', KEYS[2])
  if since ~= ARGV[4] then return 'since:' .. (since or '') end
end
if ARGV[1] == '' and redis.call('SET', KEYS[1], ARGV[2], 'NX', 'PX', ARGV[3]) then
  return ARGV[2] -- the first claim of a message, in one command
end
local live = redis.call('GET', KEYS[1]) or ''
if live == ARGV[1] and live ~= '' then
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
  return ARGV[2]
end
return live
