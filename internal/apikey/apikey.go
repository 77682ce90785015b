// Package apikey recognizes keys for a sender's API. An API key next to the
// webhook secret on the sender's dashboard is easily copied by mistake.
package apikey

import (
	"slices"
	"strings"
)

// Is reports whether a secret has a prefix of Stripe's secret, publishable and
// restricted API keys, such as sk_live_ or pk_test_. Other vendors copied these
// prefixes.
func Is(secret string) bool {
	kind, rest, _ := strings.Cut(secret, "_")
	mode, _, ok := strings.Cut(rest, "_")
	return ok && slices.Contains([]string{"sk", "pk", "rk"}, kind) && slices.Contains([]string{"live", "test"}, mode)
}
