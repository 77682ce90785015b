// Package owners keeps two verifiers from sharing one store.
package owners

import (
	"fmt"
	"sync"
)

// Set holds the verifiers that a store serves. It is safe for concurrent use.
type Set struct {
	store, remedy string

	mu    sync.Mutex
	names map[string]bool
}

// New returns an empty set. store is the name of the store's package, and
// remedy tells the user what to do about a second verifier.
func New(store, remedy string) *Set {
	return &Set{store: store, remedy: remedy, names: make(map[string]bool)}
}

// Add adds a verifier. It returns an error if the set already has the verifier.
func (s *Set) Add(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.names[name] {
		return fmt.Errorf("%s: this store already serves another verifier (%s). If two verifiers share records, the second refuses a message that the first handled, or acknowledges the message without handling it: %s",
			s.store, name, s.remedy)
	}
	s.names[name] = true
	return nil
}
