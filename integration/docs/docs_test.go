// Package docs_test compiles the code in the documents that uses client
// libraries.
package docs_test

import (
	"slices"
	"testing"

	"github.com/hookonce/hookonce/internal/docs"
)

// TestBlocksWithClientsCompile compiles the blocks of the documents that need a client library of
// this module. The others are compiled in the root module and in engines.
func TestBlocksWithClientsCompile(t *testing.T) {
	t.Parallel()
	all, err := docs.Blocks("../..")
	if err != nil {
		t.Fatal(err)
	}
	clients := slices.DeleteFunc(all, func(b docs.Block) bool { return b.Module != docs.Integration })
	if len(clients) < 3 {
		t.Fatalf("only %d blocks with clients found: has the form of the documents changed?", len(clients))
	}
	if err := docs.Compile(t.Context(), t.TempDir(), clients); err != nil {
		t.Error(err)
	}
	broken := docs.Block{Name: "broken", Text: "rdb := redis.NewClient(5)"}
	if err := docs.Compile(t.Context(), t.TempDir(), []docs.Block{broken}); err == nil {
		t.Error("a broken block compiles")
	}
}
