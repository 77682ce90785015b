// Package ownstore is a custom seen-id store, ready to copy. It has a file for
// each record, in a directory that belongs to one process.
// docs/writing-a-store.md explains it.
package ownstore

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/hookonce/hookonce/core"
)

// Store is a [core.SeenStore] in the directory Dir, which outlives the process.
type Store struct {
	Dir *os.Root
	mu  sync.Mutex
}

// Swap implements [core.SeenStore].
func (s *Store) Swap(ctx context.Context, key core.Key, old, next core.Value, ttl time.Duration) (core.Value, error) {
	s.mu.Lock() // comparing and writing are one step
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return core.Value{}, err
	}
	name := hex.EncodeToString(key[:]) // the whole key
	live, err := s.read(name)
	if err != nil || live == next || live != old { // already next: this call was made before, and its reply was lost
		return live, err
	}
	// The expiry is rounded up, so that it is never early.
	return next, s.write(name, binary.BigEndian.AppendUint64(next[:], uint64(time.Now().Add(ttl).UnixMilli())+1))
}

// read returns the live value, or the zero Value if there is none. If it is
// unknown whether there is one, read returns an error.
func (s *Store) read(name string) (live core.Value, err error) {
	record, err := s.Dir.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return live, nil
	case err != nil || len(record) != len(live)+8:
		return live, errors.Join(fmt.Errorf("ownstore: %s: %d bytes are no record", name, len(record)), err)
	case time.Now().UnixMilli() < int64(binary.BigEndian.Uint64(record[len(live):])):
		copy(live[:], record)
	}
	return live, nil
}

// write replaces the record as a whole: a process that dies leaves either the
// old record or the new one.
func (s *Store) write(name string, record []byte) error {
	file, err := s.Dir.OpenFile(name+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_SYNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(record)
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return s.Dir.Rename(name+".new", name)
}
