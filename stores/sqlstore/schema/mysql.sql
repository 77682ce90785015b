-- The seen-id table of hookonce, MariaDB 10.5 or newer and MySQL 8. One table serves all namespaces.
CREATE TABLE IF NOT EXISTS hookonce_seen (
  namespace VARBINARY(64) NOT NULL,
  id        BINARY(32)    NOT NULL,
  value     BINARY(40)    NOT NULL,
  expires   BIGINT        NOT NULL, -- Unix milliseconds
  PRIMARY KEY (namespace, id)
) ENGINE = InnoDB
