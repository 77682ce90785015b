package schemes_test

import (
	"crypto"
	"errors"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
)

func TestOnlyAnEventOfWixIsAMessage(t *testing.T) {
	t.Parallel()
	k := testKeys()
	for name, tt := range map[string]struct {
		claims     map[string]any
		id         string
		indistinct bool
		err        error
	}{
		"an event": {
			claims: map[string]any{"data": `{"eventType":"wix.stores.v3.product_created","instanceId":"b82a","data":"{\"id\":\"evt_1\",\"slug\":\"created\"}"}`},
			id:     "evt_1",
		},
		"an event of the older kind, without an id": {
			claims: map[string]any{"data": `{"eventType":"orders/create","instanceId":"b82a","data":"{\"orderId\":\"7\"}"}`}, indistinct: true,
		},
		"an event whose data is no object": {
			claims: map[string]any{"data": `{"eventType":"orders/create","instanceId":"b82a","data":"7"}`}, indistinct: true,
		},
		"an id that does not fit into a header": {
			claims: map[string]any{"data": `{"eventType":"a","data":"{\"id\":\"evt 1\"}"}`}, indistinct: true,
		},
		"an id in the claims": {
			claims: map[string]any{"id": "evt_1", "data": `{"eventType":"a","data":"{}"}`}, indistinct: true,
		},
		"an event after its end":             {claims: map[string]any{"exp": remoteNow.Unix() - 3600, "data": `{"eventType":"a","data":"{\"id\":\"evt_1\"}"}`}, err: core.ErrOutsideWindow},
		"a call of a service plugin":         {claims: map[string]any{"data": `{"request":{"a":1},"metadata":{"instanceId":"b82a"}}`}, err: core.ErrMalformed},
		"a token with something else":        {claims: map[string]any{"sub": "user"}, err: core.ErrMalformed},
		"an eventType that is no text":       {claims: map[string]any{"data": `{"eventType":7,"data":"{}"}`}, err: core.ErrMalformed},
		"an eventType in another spelling":   {claims: map[string]any{"data": `{"eventtype":"a","data":"{}"}`}, err: core.ErrMalformed},
		"data that is an object and no text": {claims: map[string]any{"data": map[string]any{"eventType": "a"}}, err: core.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := request(k.rsa.token("RS256", "", crypto.SHA256, tt.claims))
			m, err := verifier(t, schemes.Wix(), remoteNow, k.rsa.public).Verify(t.Context(), r)
			if !errors.Is(err, tt.err) || m.ID != tt.id || m.IDSigned != (tt.id != "") {
				t.Fatalf("id %q, signed %t: %v", m.ID, m.IDSigned, err)
			}
			if err != nil {
				return
			}
			v := verifier(t, schemes.Wix(), remoteNow, k.rsa.public)
			if !runs(v, r) {
				t.Fatal("it does not run")
			}
			d := v.Admit(t.Context(), r, atHand(r.Body))
			if d.Answer() == nil || errors.Is(d.Err(), core.ErrRepeated) != tt.indistinct {
				t.Errorf("when it comes again: %v", d.Err())
			}
		})
	}
}

func TestARetryThatWixSignsAnewIsTheSameMessage(t *testing.T) {
	t.Parallel()
	k := testKeys()
	v := verifier(t, schemes.Wix(), remoteNow, k.rsa.public)
	at := func(iat time.Time, text string) *core.Request {
		return request(k.rsa.token("RS256", "", crypto.SHA256, map[string]any{
			"iat": iat.Unix(), "exp": iat.Unix() + 3_600_000, "data": `{"eventType":"a","instanceId":"b","data":"{\"id\":\"evt_1\",\"text\":\"` + text + `\"}"}`,
		}))
	}
	if !runs(v, at(remoteNow, "a")) {
		t.Fatal("it does not run")
	}
	again := func(r *core.Request) *core.Error { return v.Admit(t.Context(), r, atHand(r.Body)).Err() }
	if err := again(at(remoteNow.Add(time.Minute), "a")); err == nil || !err.Acknowledges() {
		t.Errorf("a retry is not acknowledged: %v", err)
	}
	if err := again(at(remoteNow, "b")); err == nil || err.Acknowledges() {
		t.Errorf("another event under the same id: %v", err)
	}
}
