package whtest

import (
	"context"
	"path"
	"sync"

	"github.com/hookonce/hookonce/core"
)

// Source is a [core.KeySource] for tests. It finds a tenant's keys by the last
// element of the request's path, or by a header. It counts lookups, and can
// simulate a failing or slow database.
//
// The zero value has no tenants. A Source is safe for concurrent use, but
// Header must not be changed while it is in use.
type Source struct {
	// Header is the name of the header that contains the tenant. A request with
	// several such lines has no tenant. Empty: the tenant is the last element
	// of the path.
	Header string

	mu      sync.Mutex
	tenants map[string]*core.Keys
	lookups int
	err     error
	stalled bool
}

// Set replaces the keys of a tenant. nil removes the tenant.
func (s *Source) Set(tenant string, keys *core.Keys) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tenants == nil {
		s.tenants = make(map[string]*core.Keys)
	}
	s.tenants[tenant] = keys
}

// Fail makes all further lookups return err. Fail(nil) makes lookups succeed
// again.
func (s *Source) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// Stall stops or resumes the source. After Stall(true), lookups wait until
// their context ends and return its error. After Stall(false), new lookups do
// not wait.
func (s *Source) Stall(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stalled = on
}

// Lookups returns the number of lookups, including failed and stalled ones.
func (s *Source) Lookups() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lookups
}

// Keys implements [core.KeySource]. The source is the tenant's name. For an
// unknown tenant the error is [core.ErrUnknownSource].
func (s *Source) Keys(ctx context.Context, r *core.Request) (string, *core.Keys, error) {
	tenant := path.Base(r.Path())
	if s.Header != "" {
		tenant = ""
		if lines := r.Header.Values(s.Header); len(lines) == 1 {
			tenant = lines[0]
		}
	}
	s.mu.Lock()
	s.lookups++
	keys, err := s.tenants[tenant], s.err
	stalled := s.stalled
	s.mu.Unlock()
	switch {
	case stalled:
		<-ctx.Done()
		return "", nil, ctx.Err()
	case err != nil:
		return "", nil, err
	case keys == nil:
		return "", nil, core.ErrUnknownSource
	}
	return tenant, keys, nil
}
