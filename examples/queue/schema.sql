CREATE TABLE IF NOT EXISTS accounts (
    name  text PRIMARY KEY,
    cents bigint NOT NULL
);
INSERT INTO accounts VALUES ('alice', 0) ON CONFLICT DO NOTHING;

-- Each message is an effect once: a job may run again.
CREATE TABLE IF NOT EXISTS credits (
    message text PRIMARY KEY,
    cents   bigint NOT NULL
);
