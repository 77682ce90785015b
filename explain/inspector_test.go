package explain_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/explain"
	"github.com/hookonce/hookonce/internal/inspectortest"
	"github.com/hookonce/hookonce/schemes"
	"github.com/hookonce/hookonce/stores/memstore"
)

func TestTheInspectorShowsARunningApplicationInEveryFramework(t *testing.T) {
	t.Parallel()
	gin.SetMode(gin.ReleaseMode)
	for framework, serve := range takesBody { // and those with a module of their own, in theirs
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			inspectortest.Run(t, func(t *testing.T, v *core.Verifier) string { return serve(t, v, new(seen)) })
		})
	}
}

func TestTheInspectorIsForLoopbackOnly(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{":0", "0.0.0.0:0", "192.0.2.1:8080"} {
		if _, err := explain.DangerouslyNewInspector(addr, nil); err == nil || !strings.Contains(err.Error(), "loopback only") {
			t.Errorf("%q: %v", addr, err)
		}
	}
}

func TestTheRequestAsItWasSignedIsWhatWasProven(t *testing.T) {
	t.Parallel()
	now := time.Now().Truncate(time.Second)
	const body = `{"a":1,"b":"two"}`
	for name, c := range map[string]struct {
		change func(h http.Header, r *core.Request)
		secret string
		proven bool
	}{
		"a body that was formatted": {func(_ http.Header, r *core.Request) { r.Body = []byte("{\n \"a\": 1, \"b\": \"two\"}\n") }, standardSecret, true},
		"a header under another name": {func(h http.Header, _ *core.Request) {
			h["X-Webhook-Id"] = h["Webhook-Id"]
			delete(h, "Webhook-Id")
		}, standardSecret, true},
		"a secret in quotes":        {func(http.Header, *core.Request) {}, `"` + standardSecret + `"`, true},
		"a body that was replaced":  {func(_ http.Header, r *core.Request) { r.Body = []byte("another") }, standardSecret, false},
		"a request without headers": {func(_ http.Header, r *core.Request) { r.Header = nil }, standardSecret, false},
		"nothing":                   {func(http.Header, *core.Request) {}, standardSecret, false},
	} {
		h := http.Header{}
		r := &core.Request{Method: http.MethodPost, URL: "/hook", Header: h, Body: []byte(body)}
		if err := schemes.Sign(core.StandardWebhooks{}, r, "msg_1", now, standardSecret); err != nil {
			t.Fatal(err)
		}
		signed := h.Clone()
		c.change(h, r)
		keys := core.Secrets(c.secret)
		v := core.Must(core.New(core.KeySourceFunc(func(context.Context, *core.Request) (string, *core.Keys, error) { return "s", keys, nil }), memstore.New(), nil))
		e := explain.Request(t.Context(), core.Refused{Verifier: v, Request: r}, nil)
		got, a := e.DangerouslyAsSigned()
		if (got != nil) != c.proven || (a != nil) != c.proven {
			t.Errorf("%s: %v, %v", name, got, a)
			continue
		}
		if c.proven && (string(got.Body) != body || got.Header.Get("Webhook-Id") != signed.Get("Webhook-Id") || a.ID != "msg_1" ||
			!strings.HasSuffix(string(a.Content.Bytes()), "."+body)) {
			t.Errorf("%s: %+v, %s", name, got, a.Content.Bytes())
		}
		// Asking for the signed request must not change what is printed.
		text, _ := json.Marshal(e)
		for _, printed := range []string{string(text), e.String(), fmt.Sprintf("%v %+v %#v", e, e, e)} {
			if strings.Contains(printed, `"two"`) || strings.Contains(printed, strings.TrimPrefix(signed.Get("Webhook-Signature"), "v1,")) {
				t.Errorf("%s: printed: %s", name, printed)
			}
		}
	}
}

// A timestamp that the scheme cannot read was signed in the form in which it arrived.
func TestATimestampInAnotherFormWasSignedAsItCame(t *testing.T) {
	t.Parallel()
	sent := time.Now().UTC().Format(time.RFC3339)
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(standardSecret, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, raw)
	content := "msg_1." + sent + ".{}"
	mac.Write([]byte(content))
	r := &core.Request{Method: http.MethodPost, URL: "/hook", Body: []byte(`{}`), Header: http.Header{
		"Webhook-Id": {"msg_1"}, "Webhook-Timestamp": {sent}, "Webhook-Signature": {"v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))},
	}}
	v := core.Must(core.New(core.Secrets(standardSecret), memstore.New(), nil))
	e := explain.Request(t.Context(), core.Refused{Verifier: v, Request: r}, nil)
	got, a := e.DangerouslyAsSigned()
	if len(e.Findings) == 0 || e.Findings[0].Mistake != explain.TimestampFormat || got == nil {
		t.Fatalf("%v", e)
	}
	if got.Header.Get("Webhook-Timestamp") != sent || string(a.Content.Bytes()) != content {
		t.Errorf("%q, want %q; %s", got.Header.Get("Webhook-Timestamp"), sent, a.Content.Bytes())
	}
}
