-- The seen-id table of hookonce, PostgreSQL 14 or newer. One table serves all namespaces.
-- No index on expires: it would cost every settlement its HOT update. The free tenth of each page is for those.
CREATE TABLE IF NOT EXISTS hookonce_seen (
  namespace text COLLATE "C" NOT NULL,
  id        bytea            NOT NULL,
  value     bytea            NOT NULL,
  expires   bigint           NOT NULL, -- Unix milliseconds
  PRIMARY KEY (namespace, id)
) WITH (fillfactor = 90)
