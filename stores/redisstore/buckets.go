package redisstore

import (
	"context"
	"time"

	"github.com/hookonce/hookonce/internal/birth"
)

// The keys of a namespace are spread over buckets. A bucket has a hash tag, so
// that a cluster keeps the bucket's keys and marker on one node, where one
// script can read both. If a node loses its data, the markers of its buckets
// are gone too.
const buckets = 64

// dueAfter is how long claims rely on an earlier read of the marker. Reading
// the marker with each claim costs a busy server a tenth of its throughput.
const dueAfter = time.Millisecond

// tags are the hash tags, two characters each. Each tag is in a different 64th
// of a cluster's slots, so that nodes of equal size have equal shares.
const tags = "mm6q9ie82921apax0jkvdndf3go6gcxw8gd6lc02g34con4r99911dm5fmyy2iiu7ak0ce8y4lopx9x1jf1zzjb3ik2wygfsbk9w6omsafan5bi3c5dpkh0txixahe44"

// bucket is a bucket of a namespace: the prefix of its keys, and the key of its
// marker.
type bucket struct {
	prefix string
	marker any // a string, ready to be sent
}

func bucketsOf(namespace string) (all [buckets]bucket) {
	for i := range all {
		prefix := namespace + ":{" + tags[2*i:2*i+2] + "}"
		all[i] = bucket{prefix, prefix + "since"}
	}
	return all
}

// KnownSince returns the time from which the server has all records of this
// namespace, unless it lost only some of them. The time moves forward after a
// FLUSHALL, a restart without persistence, or a change of the database. It is
// zero before the first claim or [Store.Check]. To detect a loss, the store
// reads a marker on the server. It does so in the first claim of each
// millisecond, and after each error.
func (s *Store) KnownSince() time.Time { return s.birth.Since() }

// mark writes a marker to all buckets at once: otherwise one bucket after the
// other would refuse attempts.
func (s *Store) mark(ctx context.Context, life *birth.Life) error {
	errs := make(chan error, buckets)
	for i := range s.buckets {
		go func() {
			_, err := s.run(ctx, markScript(), []any{nil, nil, "1", s.buckets[i].marker, life.TextArg})
			errs <- err
		}()
	}
	var first error
	for range buckets {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	return first
}
