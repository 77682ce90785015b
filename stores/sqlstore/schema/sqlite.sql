-- The seen-id table of hookonce, SQLite. One table serves all namespaces.
CREATE TABLE IF NOT EXISTS hookonce_seen (
  namespace TEXT    NOT NULL,
  id        BLOB    NOT NULL,
  value     BLOB    NOT NULL,
  expires   INTEGER NOT NULL, -- Unix milliseconds
  PRIMARY KEY (namespace, id)
) WITHOUT ROWID
