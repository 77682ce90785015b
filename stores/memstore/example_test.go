package memstore_test

import (
	"errors"
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

// Two verifiers of the same sender must not share a store: each would
// acknowledge the other's messages without handling them.
func ExampleNew_incorrect() {
	store := memstore.New()
	keys := core.Secrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	_, _ = core.New(keys, store, nil)
	_, err := core.New(keys, store, nil)
	fmt.Println(errors.Is(err, core.ErrMisconfigured))
	// Output: true
}
