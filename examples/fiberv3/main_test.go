package main

import (
	"testing"

	"github.com/hookonce/hookonce/internal/exampletest"
)

var programs exampletest.Programs

func TestMain(m *testing.M) {
	exampletest.Main(m, &programs, ".", "github.com/hookonce/hookonce/examples/sender")
}

func TestServer(t *testing.T) { programs.CheckServer(t, "fiberv3") }
