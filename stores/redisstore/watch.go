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
// replica with another policy. So the store looks at intervals and after
// errors.
const (
	interval = time.Second
	// A user who may not look would only fill the server's log of denials.
	intervalDenied = time.Minute
)

// watch is what the store knows of the server by INFO.
type watch struct {
	last atomic.Pointer[look] // nil: look before the next claim

	turn atomic.Uint32 // of the buckets

	grouped atomic.Bool // one server has all keys, so that a script may have several

	mu      sync.Mutex
	server  string         // the run id that answered last
	evicted map[string]int // by run id
}

// info is the INFO of the server that has the next bucket, by name. A script
// asks it, since a key leads it to that server: in turn to all nodes of a
// cluster, and through proxies that do not pass INFO on.
func (s *Store) info(ctx context.Context) (map[string]string, error) {
	const step = 27 // neighbours are on one node
	b := &s.buckets[s.watch.turn.Add(step)%buckets]
	reply, err := s.run(ctx, lookScript(), []any{nil, nil, "1", b.marker})
	if err != nil {
		return nil, err
	}
	text, ok := asText(reply)
	if !ok {
		return nil, fmt.Errorf("INFO was answered with %T, not text", reply)
	}
	found := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			found[name] = value
		}
	}
	return found, nil
}

// withoutInfo explains why INFO failed.
func withoutInfo(err error) error {
	if text := strings.ToLower(err.Error()); strings.Contains(text, "unknown") && strings.Contains(text, "command called from script") {
		return fmt.Errorf("redisstore: INFO is renamed or disabled, so the store cannot tell whether the server drops records: "+
			"remove rename-command INFO from its configuration: %w", err)
	}
	return explain(err)
}

// look is the result of one look.
type look struct {
	err   error // why nothing may be admitted
	until time.Time
}

// keepsRecords reports why the server may drop records, if it may. Nothing must
// be admitted then. It mostly knows that from the last look. When it is time
// for another one, one caller looks, and the others go by the last one.
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
		s.watch.last.Store(nil)
		return err
	}
	s.watch.last.Store(next)
	return next.err
}

// lookAgain makes the next claim look first: an error may be the first sign of
// a failover. A full server is only full.
func (s *Store) lookAgain(err error) {
	s.birth.Look()
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

// oneServer reports servers that share the keys although they are no cluster.
// When one is down its keys move to another one, which does not have their
// records. It asks for more buckets if another server answers than the last
// time. A failover looks like that too, but is over soon.
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
	s.watch.server = "" // ask as often the next time
	s.watch.mu.Unlock()
	return errors.New("redisstore: several servers share the keys, and they are no cluster (a redis.Ring, or a proxy that spreads the keys): " +
		"when one is down its keys move to another one, which lacks their records: use one server, Sentinel or a cluster " +
		"(redis.NewClient, NewFailoverClient, NewClusterClient)"), nil
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

// countEvictions looks whether records were dropped since the last look. If
// they may have been, the store begins anew, like one that was emptied.
func (s *Store) countEvictions(ctx context.Context, info map[string]string) error {
	const most = 1000 // servers; each restart is a new one
	count, err := strconv.Atoi(info["evicted_keys"])
	if err != nil {
		return nil //nolint:nilerr // a service that hides it
	}
	id := info["run_id"]
	s.watch.mu.Lock()
	before, seen := s.watch.evicted[id]
	// What the first server dropped was before this program. In a cluster any of them may be seen
	// late.
	grew := count > before && (seen || len(s.watch.evicted) > 0 && info["cluster_enabled"] != "1")
	if s.watch.evicted == nil || len(s.watch.evicted) > most {
		s.watch.evicted = make(map[string]int)
	}
	s.watch.evicted[id] = count
	s.watch.mu.Unlock()
	if !grew {
		return nil
	}
	if err := s.meet(ctx, s.marks.Load(), s.birth.Known(), 0); err != nil {
		return explain(err)
	}
	return nil
}

// isCut reports that a connection was closed under the command.
func isCut(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
