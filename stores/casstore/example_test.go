package casstore_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/stores/casstore"
)

// In this example the engine is a map. docs/stores.md has Get and Put for NATS,
// etcd, memcached and DynamoDB.
func ExampleNew() {
	type record struct {
		value    []byte
		revision int64
	}
	var (
		mu       sync.Mutex
		records  = map[string]record{}
		revision int64
	)
	store := casstore.New("orders", casstore.Engine[int64]{
		Get: func(_ context.Context, key string) ([]byte, int64, error) {
			mu.Lock()
			defer mu.Unlock()
			return records[key].value, records[key].revision, nil
		},
		Put: func(_ context.Context, key string, value []byte, expected int64, _ time.Duration) (bool, error) {
			mu.Lock()
			defer mu.Unlock()
			if records[key].revision != expected {
				return false, nil
			}
			revision++ // a revision never returns
			records[key] = record{value, revision}
			return true, nil
		},
	})
	fmt.Println(store.Check(context.Background())) // at start-up

	_, err := core.New(core.Secrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), store, nil)
	fmt.Println(err)
	// Output:
	// <nil>
	// <nil>
}
