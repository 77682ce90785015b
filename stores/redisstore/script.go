package redisstore

import _ "embed"

// script is the whole store: a server runs it as one step. "" stands for no record, since not all clients can tell a nil reply
// from an error.
//
//go:embed swap.lua
var script string

// digest is the SHA-1 of script, by which EVALSHA calls it. It is written out because a program in FIPS 140 mode may not compute it.
const digest = "5a7a441699e0b5eba487843eee4882ebf1cd1b92"
