package redisstore

import _ "embed"

// script is a script that the server runs as one step.
type script struct{ text, digest string }

var (
	//go:embed swap.lua
	swapText string
	//go:embed mark.lua
	markText string
	//go:embed look.lua
	lookText string
)

// EVALSHA calls a script by its digest, the SHA-1 of its text. The digests are
// constants because a program in FIPS 140 mode must not compute them.
const (
	swapDigest = "771e6b840eb3fc4ef1cacbeb0d6a4d713793e56d"
	lookDigest = "2dafd67ebef8101f5a6b917c4f8897680ffde1ab"
	markDigest = "3c871e314ff3d4849381330693f5504f1ffb3a3d"
)

// swapScript implements Swap. "" means no record, because not all clients
// distinguish a nil reply from an error.
func swapScript() script { return script{swapText, swapDigest} }

// markScript writes a marker.
func markScript() script { return script{markText, markDigest} }

// lookScript returns INFO.
func lookScript() script { return script{lookText, lookDigest} }
