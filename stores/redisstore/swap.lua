-- KEYS[1] of a message; ARGV: old ('' for none), next, life in milliseconds. Returns the live value, '' for none.
if ARGV[1] == '' and redis.call('SET', KEYS[1], ARGV[2], 'NX', 'PX', ARGV[3]) then
  return ARGV[2] -- the first claim of a message, in one command
end
local live = redis.call('GET', KEYS[1]) or ''
if live == ARGV[1] and live ~= '' then
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
  return ARGV[2]
end
return live
