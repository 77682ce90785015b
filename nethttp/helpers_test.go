package nethttp_test

import (
	"io"
	"log"
)

// quiet drops what net/http logs about panics that the tests cause.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
