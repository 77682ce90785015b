package memstore_test

import (
	"testing"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/stores/memstore"
	"github.com/hookonce/hookonce/whtest"
)

func TestStoreKeepsTheContract(t *testing.T) {
	t.Parallel()
	whtest.TestSeenStore(t, func(testing.TB) core.SeenStore { return memstore.New() })
}
