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

// A server may start evicting at any time: after CONFIG SET, or after a
// failover to a replica with another policy. So the store checks at intervals
// and after errors.
const (
	interval = time.Second
	// More checks by a denied user would only fill the server's ACL log.
	intervalDenied = time.Minute
	// patience is how long others wait for a caller that looks before the next
	// one looks too: one node of a cluster may be stalled.
	patience = 100 * time.Millisecond
)

// watch holds the information that the store has about the server from INFO.
type watch struct {
	last     atomic.Pointer[look] // nil: none yet
	failures atomic.Uint64        // a check counts only if it began after all of them
	looking  chan struct{}        // held by the caller that checks

	turn atomic.Uint32 // selects the next bucket

	grouped atomic.Bool // one server has all keys, so a script may use several

	mu      sync.Mutex
	server  string         // the run id that responded last
	evicted map[string]int // by run id
}

// info returns the fields of INFO, by name, of the server that has the next
// bucket. It uses a script, which its key routes to that server. So it reaches
// all nodes of a cluster in turn, and works through proxies that do not forward
// INFO.
func (s *Store) info(ctx context.Context) (map[string]string, error) {
	const step = 27 // adjacent buckets are on one node
	b := &s.buckets[s.watch.turn.Add(step)%buckets]
	reply, err := s.run(ctx, lookScript(), []any{nil, nil, "1", b.marker})
	if err != nil {
		return nil, err
	}
	text, ok := asText(reply)
	if !ok {
		return nil, fmt.Errorf("the reply to INFO has the unexpected type %T, not text", reply)
	}
	found := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			found[name] = value
		}
	}
	return found, nil
}

// withoutInfo returns the error for a failed INFO.
func withoutInfo(err error) error {
	if text := strings.ToLower(err.Error()); strings.Contains(text, "unknown") && strings.Contains(text, "command called from script") {
		return fmt.Errorf("redisstore: INFO is renamed or disabled, so the store cannot check whether the server drops records: remove rename-command "+
			"INFO from the server's configuration: %w", err)
	}
	return explain(err)
}

// look is the result of one check.
type look struct {
	err      error // why no attempt may be admitted
	until    time.Time
	failures uint64 // how many there were when the check began
}

// covers reports whether the check began after this many failures.
func (l *look) covers(failures uint64) bool { return l != nil && l.failures >= failures }

// keepsRecords returns an error if the server may drop records. Then no attempt
// must be admitted. Usually it returns the last result. When that result is due
// for renewal, one caller checks, and the others use the last result. After a
// failure, one caller checks and the others wait for its result. They share its
// error too, unless that caller only gave up.
func (s *Store) keepsRecords(ctx context.Context) error {
	now := time.Now() //nolint:forbidigo // an interval of real time
	failures, last := s.watch.failures.Load(), s.watch.last.Load()
	if last.covers(failures) {
		if now.Before(last.until) {
			return last.err
		}
		renewing := &look{last.err, now.Add(interval), last.failures}
		if !s.watch.last.CompareAndSwap(last, renewing) {
			return last.err
		}
		last = renewing
	}
	select {
	case s.watch.looking <- struct{}{}:
	case <-ctx.Done():
		return explain(ctx.Err())
	}
	release := sync.OnceFunc(func() { <-s.watch.looking })
	defer release()
	if next := s.watch.last.Load(); next != last && next.covers(failures) {
		return next.err
	}
	defer time.AfterFunc(patience, release).Stop()
	return s.look(ctx)
}

// look checks the server, and keeps the result.
func (s *Store) look(ctx context.Context) error {
	now := time.Now() //nolint:forbidigo // an interval of real time
	next := &look{until: now.Add(interval), failures: s.watch.failures.Load()}
	info, err := s.info(ctx)
	switch {
	case err != nil && isDenied(err):
		next.until, err = now.Add(intervalDenied), nil // trusted to have checked
		s.watch.grouped.Store(false)
	case err != nil:
		err = withoutInfo(err)
	default:
		if next.err, err = s.judge(ctx, info); err == nil && next.err == nil {
			s.watch.grouped.Store(info["cluster_enabled"] == "0")
			err = s.countEvictions(ctx, info)
		}
	}
	if err != nil {
		s.watch.failures.Add(1) // only those who wait now use its result
		if ctx.Err() != nil {
			return err
		}
		next.err = err
	}
	s.watch.last.Store(next)
	return next.err
}

// lookAgain makes the next claim check first: an error may be the first sign of
// a failover. A full server is not such a sign.
func (s *Store) lookAgain(err error) {
	s.birth.Look()
	if word, _ := lookUp(err.Error()); word != "OOM" {
		s.watch.failures.Add(1)
	}
}

// judge returns what is wrong with the server of this INFO. err is not nil if
// it could not check.
func (s *Store) judge(ctx context.Context, info map[string]string) (wrong, err error) {
	if wrong = evicts(info); wrong != nil {
		return wrong, nil
	}
	return s.oneServer(ctx, info)
}

// evicts returns an error for a server that drops records to free memory.
func evicts(info map[string]string) error {
	policy := info["maxmemory_policy"]
	if policy == "" || policy == "noeviction" {
		return nil
	}
	return fmt.Errorf("redisstore: maxmemory-policy is %s, so a full server drops records, and their messages can be replayed: run CONFIG SET "+
		"maxmemory-policy noeviction, and add the setting to the server's configuration", policy)
}

// oneServer returns an error for servers that share the keys without being a
// cluster. When one of them is down, its keys move to another server, which
// lacks their records. oneServer checks more buckets if a server other than the
// last one responds. A failover looks the same, but is soon over.
func (s *Store) oneServer(ctx context.Context, info map[string]string) (wrong, err error) {
	id := info["run_id"]
	s.watch.mu.Lock()
	before := s.watch.server
	s.watch.server = id
	s.watch.mu.Unlock()
	if id == "" || id == before || info["cluster_enabled"] == "1" {
		return nil, nil
	}
	for range 2 {
		if n, err := s.servers(ctx); err != nil || n < 2 {
			return nil, err
		}
	}
	s.watch.mu.Lock()
	s.watch.server = "" // check as many buckets the next time
	s.watch.mu.Unlock()
	return errors.New("redisstore: several servers share the keys without being a cluster (a redis.Ring, or a proxy that spreads keys). When one of " +
		"them is down, its keys move to another server, which lacks their records: use one server, Sentinel or a cluster (redis.NewClient, " +
		"NewFailoverClient, NewClusterClient)"), nil
}

// servers counts the servers that have some of the buckets.
func (s *Store) servers(ctx context.Context) (int, error) {
	const questions = 12
	type answer struct {
		id  string
		err error
	}
	answers := make(chan answer, questions)
	for range questions {
		go func() {
			info, err := s.info(ctx)
			answers <- answer{info["run_id"], err}
		}()
	}
	ids := make(map[string]bool)
	var first error
	for range questions {
		a := <-answers
		ids[a.id] = true
		if a.err != nil && first == nil {
			first = explain(a.err)
		}
	}
	return len(ids), first
}

// countEvictions checks whether records may have been dropped since the last
// check. If so, the store starts over, as if it had been emptied.
func (s *Store) countEvictions(ctx context.Context, info map[string]string) error {
	const most = 1000 // servers; after each restart a server counts as a new one
	count, err := strconv.Atoi(info["evicted_keys"])
	if err != nil {
		return nil //nolint:nilerr // a service that hides the field
	}
	id := info["run_id"]
	s.watch.mu.Lock()
	before, seen := s.watch.evicted[id]
	// Evictions of the first server happened before this program started. In a cluster, a node may
	// be seen late.
	grew := count > before && (seen || len(s.watch.evicted) > 0 && info["cluster_enabled"] != "1")
	if s.watch.evicted == nil || len(s.watch.evicted) > most {
		s.watch.evicted = make(map[string]int)
	}
	s.watch.evicted[id] = count
	s.watch.mu.Unlock()
	if !grew {
		return nil
	}
	if err := s.birth.Resolve(ctx, s.birth.View(), 0, s.mark); err != nil {
		return explain(err)
	}
	return nil
}

// isCut reports whether the connection was closed during the command.
func isCut(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
