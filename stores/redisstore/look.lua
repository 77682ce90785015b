-- KEYS[1] leads this to a server; it is not read.
return redis.call('INFO')
