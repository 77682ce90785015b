package core //nolint:testpackage // counts the keyrings

import (
	"context"
	"sync"
	"testing"
	"time"
)

func TestKeysHoldABoundedNumberOfKeyrings(t *testing.T) {
	t.Parallel()
	keys := Secrets(GenerateSecret())
	var last *Verifier
	for range 3 * maxRings {
		last = Must(New(keys, newMapStore(), nil))
	}
	rings := *keys.rings.Load()
	if len(rings) != maxRings {
		t.Errorf("%d keyrings, want %d", len(rings), maxRings)
	}
	if rings[maxRings-1].owner != last {
		t.Error("the last keyring is not that of the last verifier")
	}
}

func TestAllRequestsOfAVerifierUseOneKeyring(t *testing.T) {
	t.Parallel()
	secret := Secrets(GenerateSecret())
	var verifiers []*Verifier
	for range 4 {
		verifiers = append(verifiers, Must(New(Secrets(GenerateSecret()), newMapStore(), nil)))
	}
	for range 100 {
		keys := secret.From("")
		got := make([]*keyring, 4*len(verifiers))
		var all sync.WaitGroup
		for i := range got {
			all.Go(func() { got[i], _ = keys.ringFor(verifiers[i%len(verifiers)]) })
		}
		all.Wait()
		if n := len(*keys.rings.Load()); n != len(verifiers) {
			t.Fatalf("%d keyrings of %d verifiers", n, len(verifiers))
		}
		for i, r := range got {
			if r == nil || r != got[i%len(verifiers)] || r.owner != verifiers[i%len(verifiers)] {
				t.Fatal("two keyrings of one verifier, or another verifier's")
			}
		}
	}
}

func TestTheKeyringOfUnknownSourcesIsNotThatOfStaticKeys(t *testing.T) {
	t.Parallel()
	b := newBench(t, Config{}, newMapStore())
	b.v.decoy.Store(nil)
	d := b.v.Admit(context.Background(), b.request("m", time.Now()), testBody(`{}`))
	b.wantStatus(d.Settle(200), 200, "static keys")
	b.wantLast(Handled)
}
