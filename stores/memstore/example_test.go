package memstore_test

import (
	"fmt"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/stores/memstore"
)

func ExampleNew() {
	store := memstore.New(memstore.Capacity(5_000_000)) // up to half a gigabyte
	_, err := core.New(core.Secrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), store, nil)
	fmt.Println(err, store.Stats().Capacity)
	// Output: <nil> 5000000
}

// Two verifiers of the same sender do not share a store: each would acknowledge
// the other's messages without handling them.
func ExampleNew_incorrect() {
	store := memstore.New()
	keys := core.Secrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	_, _ = core.New(keys, store, nil)
	_, err := core.New(keys, store, nil)
	fmt.Println(err)
	// Output: hookonce: misconfigured: memstore: this store already serves another verifier
	// (standard of source ""), and each would acknowledge the other's messages without handling them: give each
	// verifier a store of its own, or name the sources with core.Secrets(...).From(name)
}
