package adaptertest

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
)

// TestSilentDeny checks an adapter whose Deny function writes nothing. The
// adapter must write the default response: otherwise the sender would get 200,
// and would not retry. serve mounts the adapter with v and returns the address.
func TestSilentDeny(t *testing.T, serve func(v *core.Verifier) (target string)) {
	t.Helper()
	k := NewKit(t, core.Config{MaxBody: 1 << 10})
	target := serve(k.Verifier)
	for what, want := range map[string]struct {
		age    time.Duration
		body   string
		status int
	}{
		"an old attempt":   {time.Hour, Event, http.StatusUnauthorized},
		"too large a body": {0, strings.Repeat("x", 2<<10), http.StatusRequestEntityTooLarge},
	} {
		if r := Try(t, k.Request(t, target, "msg_1", want.age, want.body)); r.Status != want.status || !strings.Contains(r.Body, "urn:hookonce:") {
			t.Errorf("%s: %d %s", what, r.Status, r.Body)
		}
	}
}
