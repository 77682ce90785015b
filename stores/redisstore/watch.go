package redisstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A server may begin to evict at any time: by CONFIG SET, or by a failover to a
// replica with another policy. So the store looks at intervals and after errors.
const (
	interval = time.Second
	// A user who may not look would only fill the server's log of denials.
	intervalDenied = time.Minute
)

// watch is what the store knows of the server by INFO.
type watch struct {
	last atomic.Pointer[look] // nil: look before the next claim

	mu      sync.Mutex
	server  string         // the run id that answered last
	evicted map[string]int // by run id
}

// look is the result of one look.
type look struct {
	err   error // why nothing may be admitted
	until time.Time
}

// keepsRecords reports why the server may drop records, if it may. Nothing must be
// admitted then. It mostly knows that from the last look. When it is time for
// another one, one caller looks, and the others go by the last one.
func (s *Store) keepsRecords(ctx context.Context) error {
	now := time.Now() //nolint:forbidigo // an interval of real time
	last := s.watch.last.Load()
	if last != nil && (now.Before(last.until) || !s.watch.last.CompareAndSwap(last, &look{last.err, now.Add(interval)})) {
		return last.err
	}
	next := &look{until: now.Add(interval)}
	info, err := s.info(ctx)
	switch {
	case err != nil && isDenied(err):
		next.until, err = now.Add(intervalDenied), nil // trusted to have looked
	case err != nil:
		err = s.withoutInfo(ctx, err)
	default:
		if next.err, err = s.judge(ctx, info); err == nil && next.err == nil {
			err = s.countEvictions(ctx, info)
		}
	}
	if err != nil {
		s.watch.last.Store(nil)
		return err
	}
	s.watch.last.Store(next)
	return next.err
}

// lookAgain makes the next claim look first: an error may be the first sign of a
// failover. A full server is only full.
func (s *Store) lookAgain(err error) {
	if word, _ := lookUp(err.Error()); word != "OOM" {
		s.watch.last.Store(nil)
	}
}

// judge reports what is wrong with a server that answers INFO, or that it could
// not find out.
func (s *Store) judge(ctx context.Context, info map[string]string) (wrong, err error) {
	if wrong = evicts(info); wrong != nil {
		return wrong, nil
	}
	return s.oneServer(ctx, info)
}

// evicts says what is wrong with a server that drops records to make room.
func evicts(info map[string]string) error {
	policy := info["maxmemory_policy"]
	if policy == "" || policy == "noeviction" {
		return nil
	}
	return fmt.Errorf("redisstore: maxmemory-policy is %s: a full server drops records, and their messages can be replayed: "+
		"run CONFIG SET maxmemory-policy noeviction and put it into the server's configuration", policy)
}

// oneServer reports servers that answer in turn although they are no cluster. Each
// keeps some of the keys, and when one is down its keys move to another one,
// which does not have their records. If another server answers than the last
// time, a few more questions tell that from a failover: after a failover the old
// server does not come back at once.
func (s *Store) oneServer(ctx context.Context, info map[string]string) (wrong, err error) {
	const questions = 10
	id := info["run_id"]
	s.watch.mu.Lock()
	before := s.watch.server
	s.watch.server = id
	s.watch.mu.Unlock()
	if id == "" || id == before || info["cluster_enabled"] == "1" {
		return nil, nil
	}
	left := map[string]bool{before: before != ""} // answered, and then another one did
	for range questions {
		info, err := s.info(ctx)
		if err != nil {
			return nil, explain(err)
		}
		switch next := info["run_id"]; {
		case left[next]:
			s.watch.mu.Lock()
			s.watch.server = "" // ask as often the next time
			s.watch.mu.Unlock()
			return errors.New("redisstore: several servers answer in turn, and they are no cluster (a redis.Ring, or a proxy that spreads the keys): " +
				"when one is down its keys move to another one, which lacks their records: use one server, Sentinel or a cluster " +
				"(redis.NewClient, NewFailoverClient, NewClusterClient)"), nil
		case next != id:
			left[id], id = true, next
		}
	}
	return nil, nil
}

// countEvictions looks whether records were dropped since the last look. If they
// may have been, the store begins anew, like one that was emptied.
func (s *Store) countEvictions(ctx context.Context, info map[string]string) error {
	const most = 1000 // servers; each restart is a new one
	count, err := strconv.Atoi(info["evicted_keys"])
	if err != nil {
		return nil //nolint:nilerr // a service that hides it
	}
	id := info["run_id"]
	s.watch.mu.Lock()
	before, seen := s.watch.evicted[id]
	// What the first server dropped was before this program. In a cluster any of them may be seen late.
	grew := count > before && (seen || len(s.watch.evicted) > 0 && info["cluster_enabled"] != "1")
	if s.watch.evicted == nil || len(s.watch.evicted) > most {
		s.watch.evicted = make(map[string]int)
	}
	s.watch.evicted[id] = count
	s.watch.mu.Unlock()
	if !grew {
		return nil
	}
	if err := s.meet(ctx, s.birth.Known(), 0); err != nil {
		return explain(err)
	}
	return nil
}

// withoutInfo explains why INFO failed. If a script runs all the same, it is not
// the server that is away.
func (s *Store) withoutInfo(ctx context.Context, err error) error {
	why := ""
	switch {
	case strings.Contains(err.Error(), "unknown command"):
		why = "the server does not know it: remove rename-command INFO from its configuration"
	case isCut(err):
		if _, probe := s.swap(ctx, &s.buckets[0], []byte("check"), "never", "check", "1"); probe == nil { // reads
			why = "the connection is closed at that: a proxy such as twemproxy does not pass it on; connect to the server itself"
		}
	}
	if why == "" {
		return explain(err)
	}
	return fmt.Errorf("redisstore: INFO cannot be asked, so nobody can tell whether the server drops records: %s: %w", why, err)
}

// isCut reports that a connection was closed under the command.
func isCut(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
