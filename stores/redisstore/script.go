package redisstore

import (
	"crypto/sha1" //nolint:gosec // the name that Redis gives to a script, not a protection
	_ "embed"
	"encoding/hex"
)

// script is the whole store: a server runs it as one step. "" stands for no record, since not all clients can tell a nil reply
// from an error.
//
//go:embed swap.lua
var script string

// digest is how EVALSHA calls the script.
var digest = func() string { //nolint:gochecknoglobals // a constant
	sum := sha1.Sum([]byte(script)) //nolint:gosec // see above
	return hex.EncodeToString(sum[:])
}()
