package fiberwh_test

import (
	"context"
	"sync"
	"time"

	"github.com/hookonce/hookonce/core"
)

type mapStore struct {
	mu sync.Mutex
	m  map[core.Key]core.Value
}

func (s *mapStore) Swap(_ context.Context, k core.Key, old, next core.Value, _ time.Duration) (core.Value, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m[k] == old {
		s.m[k] = next
	}
	return s.m[k], nil
}
func (s *mapStore) Forgets() bool { return true }

var memstore tmp

type tmp struct{}

func (tmp) New() *mapStore { return &mapStore{m: map[core.Key]core.Value{}} }
