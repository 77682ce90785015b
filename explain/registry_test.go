package explain_test

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	known "github.com/hookonce/hookonce/internal/senders"
	"github.com/hookonce/hookonce/schemes"
)

// signable signs a request as every name of the registry that can be signed.
func signable(t *testing.T) map[string]input {
	t.Helper()
	groups, err := known.Groups()
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]input)
	for _, g := range groups {
		for _, s := range g.Senders {
			scheme, err := schemes.New(s.Name, schemes.Settings{URL: publicURL, DangerouslyReplayable: true, Header: "X-Event-Id", Audience: publicURL})
			if err != nil {
				t.Fatal(err)
			}
			body := cmp.Or(s.Sample, known.EveryID)
			for _, secret := range []string{standardSecret, freeSecret, hexSecret} {
				r := &core.Request{Method: http.MethodPost, URL: "/hook", Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body)}
				in := input{
					Config: &core.Config{Scheme: scheme, Clock: func() time.Time { return now }, DangerouslyReplayableAfterRestart: true}, Keys: core.Secrets(secret), Request: r,
				}
				if schemes.Sign(scheme, r, "", now, secret) != nil {
					continue
				}
				if e := in.explain(t.Context()); !e.Authentic {
					t.Errorf("%s: signed, and not authentic: %s", s.Name, e)
				}
				all[s.Name] = in
				break
			}
		}
	}
	if len(all) < 140 {
		t.Fatalf("only %d names can be signed", len(all))
	}
	return all
}

func TestAGetThatWasAPostIsNamedWhateverSignedIt(t *testing.T) {
	t.Parallel()
	for name, in := range signable(t) {
		in.Request.Method, in.Request.Body = http.MethodGet, nil
		delete(asMap(in.Request.Header), "Content-Type")
		e := in.explain(t.Context())
		if name == "mercadopago" && e.Authentic {
			continue // it signs neither method nor body
		}
		if !strings.HasPrefix(firstLine(e), "method (seen): ") {
			t.Errorf("%s: %s", name, firstLine(e))
		}
	}
}

// As gateways pass lists of values on: AWS's events of version 2.0 are made so.
func TestAHeaderThatWasSplitAtItsCommasIsNamedWhateverSignedIt(t *testing.T) {
	t.Parallel()
	split := 0
	for name, in := range signable(t) {
		h, changed := asMap(in.Request.Header), false
		for _, header := range slices.Sorted(maps.Keys(h)) {
			if values := strings.Split(h[header][0], ","); len(values) > 1 {
				changed = true
				for i := range values {
					values[i] = strings.TrimSpace(values[i])
				}
				h[header] = values
			}
		}
		if !changed {
			continue
		}
		split++
		if e := in.explain(t.Context()); !e.Authentic && !strings.HasPrefix(firstLine(e), "header-folded (proven): ") {
			t.Errorf("%s: %s", name, firstLine(e))
		}
	}
	if split < 10 {
		t.Errorf("only %d names have a header with a comma", split)
	}
}
