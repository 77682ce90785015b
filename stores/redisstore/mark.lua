-- KEYS[1] of a bucket's marker; ARGV[1] the marker. A later one stays, so that processes that make markers at once end with one.
if (tonumber(redis.call('GET', KEYS[1]) or '') or 0) < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[1])
end
return ''
