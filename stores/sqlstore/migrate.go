package sqlstore

import (
	"context"
	"fmt"
)

// Migrate creates the table hookonce_seen if it does not exist. Programs that
// share the database may call it concurrently, whenever they start. If the user
// may not create tables, the table must exist already. In that case let a
// privileged user run the engine's schema file in stores/sqlstore/schema/ once,
// and grant SELECT, INSERT, UPDATE and DELETE on the table.
func (s *Store) Migrate(ctx context.Context) error {
	if err := s.mistake(); err != nil {
		return err
	}
	var err error
	for range 3 { // of two concurrent calls one may fail because the table exists
		if s.look(ctx) == nil {
			_ = s.begin(ctx) // the first claim reports an error
			return nil
		}
		err = retry(ctx, func() error {
			_, err := s.db.ExecContext(ctx, s.stmts.schema)
			return err
		})
		if err == nil {
			continue
		}
		if ctx.Err() != nil || denied(err) {
			break
		}
	}
	if err == nil {
		err = s.look(ctx)
	}
	if err == nil {
		_ = s.begin(ctx)
		return nil
	}
	if denied(err) {
		return fmt.Errorf("sqlstore: migrate: this user may not create the table hookonce_seen. As a user who may, run stores/sqlstore/schema/%s, and "+
			"GRANT SELECT, INSERT, UPDATE, DELETE ON hookonce_seen to this user: %w", s.stmts.file, err)
	}
	return s.explain(ctx, "migrate", err)
}

func denied(err error) bool { return is(code(err), "42501", "1142", "1044") }

// look checks the table's columns without reading a row.
func (s *Store) look(ctx context.Context) error {
	rows, err := s.db.QueryContext(ctx, "SELECT namespace, id, value, expires FROM hookonce_seen WHERE 1 = 0")
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	return rows.Err()
}
