package schemes_test

import (
	"crypto"
	"errors"
	"strings"
	"testing"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
)

func changed(r *core.Request, change func(*core.Request)) *core.Request {
	change(r)
	return r
}

func setting(name, value string) func(*core.Request) {
	return func(r *core.Request) { asMap(r.Header).Set(name, value) }
}

func TestWhatTrueLayerDoesNotSignIsRefused(t *testing.T) {
	t.Parallel()
	k := testKeys()
	const stamp, body = "2021-11-29T11:42:55Z", `{"event_id":"1"}`
	type parts struct {
		header map[string]any
		lines  string // between the first line and the body
	}
	sign := func(change func(*parts)) *core.Request {
		p := parts{map[string]any{"alg": "ES512", "kid": "a", "tl_version": "2", "tl_headers": "X-Tl-Webhook-Timestamp"}, "X-Tl-Webhook-Timestamp: " + stamp + "\n"}
		change(&p)
		first := segment(p.header)
		return request(body, "X-Tl-Webhook-Timestamp", stamp, "X-Other", "1",
			"Tl-Signature", first+".."+k.p521.inURL(crypto.SHA512, first+"."+segment("POST /hook\n"+p.lines+body)))
	}
	genuine := func() *core.Request { return sign(func(*parts) {}) }
	v := verifier(t, schemes.TrueLayer(public), remoteNow, k.p521.public)
	if m, err := v.Verify(t.Context(), genuine()); err != nil || m.ID != "1" || !m.BodySigned {
		t.Fatalf("%+v, %v", m, err)
	}
	for name, tt := range map[string]struct {
		r    *core.Request
		want error
	}{
		"another version": {sign(func(p *parts) { p.header["tl_version"] = "1" }), core.ErrMalformed},
		"no version":      {sign(func(p *parts) { delete(p.header, "tl_version") }), core.ErrMalformed},
		"a version twice": {sign(func(p *parts) { p.header["TL_version"] = "1" }), core.ErrMalformed},
		"no time":         {sign(func(p *parts) { p.header["tl_headers"], p.lines = "X-Other", "X-Other: 1\n" }), core.ErrMalformed},
		"no headers":      {sign(func(p *parts) { delete(p.header, "tl_headers"); p.lines = "" }), core.ErrMalformed},
		"a header twice": {sign(func(p *parts) {
			p.header["tl_headers"] = "X-Tl-Webhook-Timestamp,x-tl-webhook-timestamp"
			p.lines += p.lines
		}), core.ErrMalformed},
		"no header's name": {sign(func(p *parts) { p.header["tl_headers"] = "X-Tl-Webhook-Timestamp,a: b" }), core.ErrMalformed},
		"many headers": {sign(func(p *parts) {
			p.header["tl_headers"] = "X-Tl-Webhook-Timestamp" + strings.Repeat(",a", 40)
		}), core.ErrMalformed},
		"a header that is not there": {sign(func(p *parts) { p.header["tl_headers"] = "X-Tl-Webhook-Timestamp,X-More" }), core.ErrMissingHeader},
		"another algorithm":          {sign(func(p *parts) { p.header["alg"] = "ES256" }), core.ErrMalformed},
		"another path":               {changed(genuine(), func(r *core.Request) { r.URL = "/hook/" }), nil}, // the address has it
		"a query":                    {changed(genuine(), func(r *core.Request) { r.URL = "/hook?a=b" }), core.ErrMalformed},
		"another method":             {changed(genuine(), func(r *core.Request) { r.Method = "PUT" }), core.ErrNoMatch},
		"another time":               {changed(genuine(), setting("X-Tl-Webhook-Timestamp", "2021-11-29T11:42:56Z")), core.ErrNoMatch},
		"another body":               {changed(genuine(), func(r *core.Request) { r.Body = []byte(`{"event_id":"2"}`) }), core.ErrNoMatch},
	} {
		if _, err := v.Verify(t.Context(), tt.r); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	// If the address has no path, the path comes from the request.
	v = verifier(t, schemes.TrueLayer("https://example.com"), remoteNow, k.p521.public)
	if _, err := v.Verify(t.Context(), genuine()); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*core.Request){
		"another path": func(r *core.Request) { r.URL = "/hook/" },
		"a query":      func(r *core.Request) { r.URL = "/hook?a=b" },
	} {
		if _, err := v.Verify(t.Context(), changed(genuine(), change)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for name, key := range map[string]string{"P-256": k.ecdsa.public, "RSA": k.rsa.public, "a seed": secret} {
		if _, err := schemes.TrueLayer(public).ParseKey(key); err == nil {
			t.Errorf("a key of %s is accepted", name)
		}
	}
}

func TestASecretThatEasyPostChangesIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"ﬁsh-and-chips", "Grüße", "caf\u00e9", "cafe\u0301"} {
		if _, err := schemes.EasyPost().ParseKey(text); err == nil || strings.Contains(err.Error(), text) {
			t.Errorf("%v", err)
		}
	}
}

func TestWhatPlivoDoesNotSignIsRefused(t *testing.T) {
	t.Parallel()
	const form = "application/x-www-form-urlencoded"
	sign := func(signed, nonce string) *core.Request {
		return request("From=1&To=2", "Content-Type", form, "X-Plivo-Signature-V3-Nonce", nonce, "X-Plivo-Signature-V3", base64MAC(secret, signed+"."+nonce))
	}
	const signed = public + "?From1To2"
	v := verifier(t, schemes.Plivo(public), remoteNow, secret)
	if m, err := v.Verify(t.Context(), sign(signed, "n")); err != nil || m.ID != "n" || m.BodySigned {
		t.Fatalf("%+v, %v", m, err)
	}
	for name, tt := range map[string]struct {
		r    *core.Request
		want error
	}{
		"a nonce with a dot":   {sign(signed, "a.b"), core.ErrMalformed},
		"no nonce":             {changed(sign(signed, "n"), func(r *core.Request) { asMap(r.Header).Del("X-Plivo-Signature-V3-Nonce") }), core.ErrMissingHeader},
		"no signature":         {changed(sign(signed, "n"), func(r *core.Request) { asMap(r.Header).Del("X-Plivo-Signature-V3") }), core.ErrMissingHeader},
		"a body of JSON":       {changed(sign(public, "n"), setting("Content-Type", "application/json")), core.ErrMalformed},
		"GET with a body":      {changed(sign(public, "n"), func(r *core.Request) { r.Method = "GET" }), core.ErrMalformed},
		"PUT":                  {changed(sign(public, "n"), func(r *core.Request) { r.Method, r.Body = "PUT", nil }), core.ErrMalformed},
		"another query":        {changed(sign(signed, "n"), func(r *core.Request) { r.URL = "/hook?a=b" }), core.ErrNoMatch},
		"a form that is none":  {changed(sign(signed, "n"), func(r *core.Request) { r.Body = []byte("From=%zz") }), core.ErrMalformed},
		"a query that is none": {changed(sign(signed, "n"), func(r *core.Request) { r.URL = "/hook?a=%zz" }), core.ErrMalformed},
	} {
		if _, err := v.Verify(t.Context(), tt.r); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	// A form that is split differently is the same message.
	wantSame(t, v, sign(signed, "m"), changed(sign(signed, "m"), func(r *core.Request) { r.Body = []byte("Fro=m1&To=2") }))
	// Plivo executes the response to a call: an empty one would end the call.
	call := sign(public+"?CallUUID1", "c")
	call.Body = []byte("CallUUID=1")
	if !runs(v, call) {
		t.Fatal("a call does not run")
	}
	if d := v.Admit(t.Context(), call, atHand(call.Body)); d.Answer() == nil || d.Err().Acknowledges() {
		t.Errorf("a call that was handled: %v", d.Err())
	}
}
