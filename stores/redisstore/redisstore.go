// Package redisstore is a deduplication store in Redis or Valkey. Any number of
// processes can share it. The server can be standalone, in a Sentinel
// deployment, or a cluster. The package imports no client: pass the client that
// your program uses.
//
//	rdb := redis.NewClient(&redis.Options{Addr: "localhost:6379"})                  // github.com/redis/go-redis/v9
//	v, err := core.New(core.Secrets(secret), redisstore.New("orders", rdb.Do), nil)
//
// These clients of go-redis work: Client, ClusterClient, the client for
// Sentinel, and UniversalClient. For other clients see [NewFunc]. A Ring does
// not work: when one of its servers is down, keys move to another server, which
// lacks their records. A proxy that spreads the keys over several servers does
// not work either.
//
// # Server
//
// Call Store.Check at start-up. It reports settings that lose records.
//
//   - Set maxmemory-policy noeviction. Every other policy drops records to free
//     memory, and a message without a record can be replayed. The store reads
//     the policy once a second while it is in use, and after each error. Once
//     it has seen another policy, it admits nothing. With noeviction a full
//     server refuses new messages, and their senders retry later.
//   - Set appendonly yes. Otherwise a restart loses all records after the last
//     snapshot. With appendfsync always, neither a crash nor a power failure
//     loses records. With everysec, either can lose the last second or two.
//   - Give an ACL user +eval +evalsha +get +set +info, +config|get for Check,
//     and +ping for a health check, on the keys of the namespace: ~orders:*. If
//     the user lacks +info, the store cannot read the policy: check it by hand.
//
// # Limits
//
// Replication is asynchronous. After a failover, by Sentinel or in a cluster,
// the last acknowledged claims may be missing, and their messages may be
// handled again. A restored snapshot lacks all later records. If neither is
// acceptable, commit the message in the transaction of its effect, with package
// sqlstore.
//
// The store detects that a server lost all records, and refuses attempts that
// were signed before the loss ([core.ErrColdStart], Store.KnownSince). Messages
// without a signed timestamp may be handled again, as may messages that are
// claimed within a millisecond after the loss.
//
// If the server fills up while a handler runs, it also refuses to record the
// success. If it has no free memory within core.Config.Lease, the success is
// lost: if the sender sends the message again, the handler runs again.
//
// A message takes about 200 bytes for core.Config.Remember, 25 hours by
// default. Redis then removes its record. See [stores] for setup and figures.
//
// [stores]: https://github.com/hookonce/hookonce/blob/main/docs/stores.md
package redisstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/abandon"
	"github.com/hookonce/hookonce/internal/birth"
	"github.com/hookonce/hookonce/internal/group"
	"github.com/hookonce/hookonce/internal/owners"
)

// Store is a [core.SeenStore] in Redis or Valkey. Create one with [New] or
// [NewFunc] for each verifier. It is safe for concurrent use if its client is.
type Store struct {
	namespace string
	do        func(ctx context.Context, args ...any) (any, error)

	calls   abandon.Calls
	watch   watch
	birth   birth.Birth
	buckets [buckets]bucket
	line    group.Line[*swap]
	owners  *owners.Set
}

// New returns a [Store] that uses a client of go-redis. Pass the client's Do
// method, as in New("orders", rdb.Do). Each verifier needs its own namespace,
// with which its keys begin. A namespace is 1 to 64 characters long: letters,
// digits, "-", "_", "." and "/". [core.New] reports an invalid namespace.
func New[C interface{ Result() (any, error) }](namespace string, do func(ctx context.Context, args ...any) C) *Store {
	if do == nil {
		return NewFunc(namespace, nil)
	}
	return NewFunc(namespace, func(ctx context.Context, args ...any) (any, error) { return do(ctx, args...).Result() })
}

// NewFunc returns a [Store] that uses any client. The function do sends one
// command and returns the reply, with text as string or []byte. All arguments
// are strings. In EVALSHA and EVAL the fourth argument is a key, for clients
// that route to the nodes of a cluster. namespace is as for [New].
func NewFunc(namespace string, do func(ctx context.Context, args ...any) (any, error)) *Store {
	s := &Store{namespace: namespace, do: do, buckets: bucketsOf(namespace)}
	s.owners = owners.New("redisstore", "give each verifier a store with its own namespace")
	s.watch.looking = make(chan struct{}, 1)
	s.birth.Begin()
	s.line.Send, s.line.Width, s.line.Most = s.askGroup, width, most
	return s
}

// Bind is called by [core.New]. It reports an invalid store, and a store that
// already serves a verifier of the same scheme and source. It cannot
// distinguish two stores with one namespace from two processes that share the
// namespace.
func (s *Store) Bind(owner string) error {
	if s.owners == nil || s.do == nil {
		return errors.New("redisstore: the store has no client: create the store with redisstore.New(namespace, rdb.Do)")
	}
	if err := checkNamespace(s.namespace); err != nil {
		return err
	}
	return s.owners.Add(owner)
}

// checkNamespace also rejects braces, because with them a cluster would put all
// keys on one node.
func checkNamespace(name string) error {
	const most = 64
	bad := func(r rune) bool {
		return (r < 'a' || 'z' < r) && (r < 'A' || 'Z' < r) && (r < '0' || '9' < r) && !strings.ContainsRune("-_./", r)
	}
	if name == "" || len(name) > most || strings.ContainsFunc(name, bad) {
		return fmt.Errorf("redisstore: the namespace %.70q must have 1 to %d characters: ASCII letters, digits and -_./ only. Name it after the endpoint, as in "+
			"redisstore.New(\"orders\", rdb.Do)", name, most)
	}
	return nil
}

// Swap implements [core.SeenStore]. It returns when ctx ends, even if the
// client is still waiting.
func (s *Store) Swap(ctx context.Context, key core.Key, old, next core.Value, ttl time.Duration) (core.Value, error) {
	if err := ctx.Err(); err != nil {
		return core.Value{}, err
	}
	if err := s.keepsRecords(ctx); err != nil {
		return core.Value{}, err
	}
	ms := strconv.FormatInt(int64((ttl+time.Millisecond-1)/time.Millisecond), 10) // rounded up: never early
	b := &s.buckets[key[len(key)-1]%buckets]
	text, err := s.swap(ctx, &swap{bucket: b, key: b.prefix + string(key[:]), old: valueText(old), next: string(next[:]), life: ms})
	if err != nil {
		s.lookAgain(err)
		return core.Value{}, explain(err)
	}
	var live core.Value
	copy(live[:], text)
	return live, nil
}

// run runs a script. command begins with two free places for the command's name
// and the script. The number of keys, the keys and the arguments follow.
func (s *Store) run(ctx context.Context, sc script, command []any) (any, error) {
	command[0], command[1] = "EVALSHA", sc.digest
	reply, err := s.send(ctx, command...)
	if err != nil && strings.Contains(err.Error(), "NOSCRIPT") {
		command = slices.Clone(command) // a client may still use the first slice
		command[0], command[1] = "EVAL", sc.text
		reply, err = s.send(ctx, command...)
	}
	return reply, err
}

// send sends a command. If the connection was closed, it sends the command once
// more: the server may have closed an idle connection. Sending our commands
// twice is harmless.
func (s *Store) send(ctx context.Context, args ...any) (any, error) {
	reply, err := s.sendOnce(ctx, args...)
	if err != nil && isCut(err) && ctx.Err() == nil {
		reply, err = s.sendOnce(ctx, args...)
	}
	return reply, err
}

// sendOnce sends a command. Clients have their own timeouts, which are longer
// than a request may take, and not all clients respect ctx. After ctx has
// ended, the call continues in the background until the client's timeout.
func (s *Store) sendOnce(ctx context.Context, args ...any) (any, error) {
	return abandon.Call(ctx, &s.calls, func() (any, error) { return s.do(ctx, args...) })
}

// asText accepts the types in which clients return a bulk string.
func asText(reply any) (string, bool) {
	switch r := reply.(type) {
	case string:
		return r, true
	case []byte:
		return string(r), true
	default:
		return "", false
	}
}
