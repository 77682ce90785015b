package nethttp_test

import (
	"io"
	"log"
)

// quiet drops net/http's log of the panics that the tests cause.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
