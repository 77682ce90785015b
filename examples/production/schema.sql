-- The keys of each tenant. Its newest key is the one it is told; older ones are accepted until they are deleted or end.
-- To rotate: insert the new key, have the tenant use it, delete the old one when the log shows key_id of the new one only.
CREATE TABLE IF NOT EXISTS tenant_keys (
	tenant    text        NOT NULL CHECK (tenant ~ '^[a-z0-9-]{1,64}$'),
	key_id    text        NOT NULL,                 -- its name in the log, not a secret
	secret    text        NOT NULL,                 -- whsec_… or whpk_…
	created   timestamptz NOT NULL DEFAULT now(),
	not_after timestamptz,                          -- when it ends; null: never
	PRIMARY KEY (tenant, key_id)
);

-- What the handler writes. The primary key makes a second write of one message impossible, also after a crash between
-- this write and the record of the message in Redis.
CREATE TABLE IF NOT EXISTS events (
	tenant     text        NOT NULL,
	message_id text        NOT NULL,
	body       bytea       NOT NULL,
	received   timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (tenant, message_id)
);
