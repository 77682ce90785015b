package casstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/hookonce/hookonce/core"
)

// Check tests whether the engine returns values unchanged and compares
// revisions. Call it at start-up. It writes a separate key, which lives for
// seconds. It cannot detect whether the engine evicts or persists records, or
// replicates them before it acknowledges. docs/stores.md says what to check by
// hand.
func (s *Store) Check(ctx context.Context) error {
	if err := s.mistake(); err != nil {
		return err
	}
	_, err := leave(ctx, s, func() (struct{}, error) { return struct{}{}, s.check(ctx) })
	return err
}

func (s *Store) check(ctx context.Context) error {
	const compare = "Put must compare the revision and write in one atomic operation of the engine"
	var id core.Key
	_, _ = rand.Read(id[:]) // never fails
	name := s.namespace + "." + hex.EncodeToString(id[:])
	first, second := checkRecord(1), checkRecord(2)

	none, before, err := s.get(ctx, name)
	switch {
	case err != nil:
		return fmt.Errorf("casstore: Check: Get failed for a new key (for a key without a value it must return nil and no error): %w", err)
	case none != nil:
		return fmt.Errorf("casstore: Check: Get returned %d bytes for a new key: it must use the whole key, and return nil if there is no value", len(none))
	}
	if err := s.mustPut(ctx, name, first, before, true, "Put did not write the first value of a new key"); err != nil {
		return err
	}
	if err := s.mustPut(ctx, name, second, s.absent, false, "Put with the zero revision replaced an existing value: "+compare); err != nil {
		return err
	}
	held, revision, err := s.get(ctx, name)
	if err != nil {
		return fmt.Errorf("casstore: Check: reading what was written: %w", err)
	}
	if !bytes.Equal(held, first.value[:]) { //nolint:forbidigo // no secret
		return fmt.Errorf("casstore: Check: Put wrote %d bytes, and Get returned %d bytes that differ: "+
			"write bytes unchanged, and read from the primary", len(first.value), len(held))
	}
	if err := s.mustPut(ctx, name, second, revision, true,
		"Put with the newest revision did not write: are revisions enabled? Start memcached without -C, which disables them"); err != nil {
		return err
	}
	return s.mustPut(ctx, name, first, revision, false, "Put wrote a second time with the same revision: "+compare)
}

// checkRecord is a record that expires in a second.
func checkRecord(mark byte) record {
	var v core.Value
	_, _ = rand.Read(v[:]) // never fails
	v[0] = mark
	return newRecord(v, time.Second)
}

func (s *Store) mustPut(ctx context.Context, name string, r record, revision any, want bool, fault string) error {
	written, err := s.put(ctx, name, r.value[:], revision, r.life)
	if err != nil {
		return fmt.Errorf("casstore: Check: writing a record: %w", err)
	}
	if written != want {
		return errors.New("casstore: Check: " + fault)
	}
	return nil
}
