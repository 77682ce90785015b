-- KEYS[1] of a message; ARGV: old ('' for none), next, life in milliseconds. Returns the live value, '' for none.
local live = redis.call('GET', KEYS[1]) or ''
if live == ARGV[2] or live ~= ARGV[1] then
  return live
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return ARGV[2]
