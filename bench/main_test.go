package main

import (
	"os"
	"testing"
)

// TestMain plays a role if this test was started by itself.
func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		exit(play(role, os.Args[1:]))
	}
	os.Exit(m.Run())
}
