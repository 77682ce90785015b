package explain_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/explain"
	"github.com/hookonce/hookonce/schemes"
	"github.com/hookonce/hookonce/stores/memstore"
)

func TestAnAuthenticRequestHasNoFindings(t *testing.T) {
	t.Parallel()
	for name, s := range senders() {
		m := send(s)
		e := m.input().explain(t.Context())
		if !e.Authentic || e.Reason != "" || e.Detail != "" || len(e.Findings) != 0 || e.String() != "authentic: the signature verifies" {
			t.Errorf("%s: %s", name, e)
		}
		m.err = &core.Error{Reason: core.ErrReplay, Detail: "seen"}
		if e = m.input().explain(t.Context()); !e.Authentic || e.Reason != core.ErrReplay || !strings.Contains(e.String(), "replay") {
			t.Errorf("%s, refused as a replay: %s", name, e)
		}
	}
}

func TestTheRequestAndTheKeysAreNotChanged(t *testing.T) {
	t.Parallel()
	m := send(senders()["standard"], secretNewline, underscored, bodyIndented)
	want := core.Request{Method: m.r.Method, URL: m.r.URL, Header: m.r.Header.Clone(), Body: slices.Clone(m.r.Body)}
	keys := core.SecretList(m.configured...)
	in := m.input()
	in.Keys = keys
	e := in.explain(t.Context())
	if !names(e, explain.SecretNewline, explain.HeaderRenamed, explain.BodyReformatted) {
		t.Errorf("three mistakes: %s", e)
	}
	if m.r.Method != want.Method || m.r.URL != want.URL || !maps.EqualFunc(asMap(m.r.Header), asMap(want.Header), slices.Equal) || !slices.Equal(m.r.Body, want.Body) {
		t.Error("the request was changed")
	}
	if got := keys.List(); len(got) != 1 || got[0].Reveal() != m.configured[0].Reveal() {
		t.Error("the keys were changed")
	}
}

func TestWhatIsProvenAndWhatIsSeen(t *testing.T) {
	t.Parallel()
	either := func(e explain.Explanation) bool { return len(e.Findings) > 0 && e.Findings[0].Proven }
	for name, tt := range map[string]struct {
		damage []damage
		word   explain.Mistake
		proven bool
	}{
		"a secret with a newline":                        {[]damage{secretNewline}, explain.SecretNewline, true},
		"a secret with a newline and another body":       {[]damage{secretNewline, arrive("", replace("evt", "xyz"))}, explain.SecretNewline, false},
		"a missing header":                               {[]damage{header("", func(h http.Header) { delete(h, "Webhook-Id") })}, explain.HeaderMissing, false},
		"another provider's headers with another secret": {[]damage{{after: func(m *message) { m.r = send(senders()["github"]).r }}}, explain.OtherScheme, false},
		"an empty secret":                                {[]damage{configure("", func(string) string { return "" })}, explain.SecretRefused, false},
		"a placeholder":                                  {[]damage{configure("", func(string) string { return "whsec_changeme" })}, explain.SecretRefused, false},
		"no secret":                                      {[]damage{{after: func(m *message) { m.configured = nil }}}, explain.Misconfigured, false},
		"nine characters of a signature prove nothing": {
			[]damage{header("", func(h http.Header) { h["Webhook-Signature"][0] = h["Webhook-Signature"][0][:12] })}, explain.Unknown, false,
		},
		"a body that happens to have 1024 bytes": {[]damage{{before: func(m *message) {
			m.body = []byte("a=" + strings.Repeat("b", 1022))
			asMap(m.r.Header).Set("Content-Length", "1024")
		}, after: func(m *message) { m.r.Body[7] = 'c' }}}, explain.Unknown, false},
		"headers of another scheme": {[]damage{{after: func(m *message) {
			c := send(senders()["contentful"], header("", func(h http.Header) { delete(h, "X-Contentful-Signed-Headers") }))
			m.scheme, m.r = c.scheme, c.r
		}}}, explain.HeaderMissing, false},
		"another body":          {[]damage{arrive("", replace("evt", "xyz"))}, explain.Unknown, false},
		"another body, too old": {[]damage{late, arrive("", replace("evt", "xyz"))}, explain.Unknown, false},
	} {
		m := send(senders()["standard"], tt.damage...)
		if e := m.input().explain(t.Context()); !names(e, tt.word) || either(e) != tt.proven {
			t.Errorf("%s: want %s, proven %t, got %s", name, tt.word, tt.proven, e)
		}
	}
}

func TestKeySourcesAreAskedOnceAndTheirErrorsReported(t *testing.T) {
	t.Parallel()
	m := send(senders()["standard"], secretNewline)
	for name, tt := range map[string]struct {
		source string
		err    error
		want   explain.Mistake
	}{
		"keys":           {"acme", nil, explain.SecretNewline},
		"unknown source": {"", fmt.Errorf("no tenant: %w", core.ErrUnknownSource), explain.UnknownSource},
		"outage":         {"", errors.New("the database with " + standardSecret + "\n is gone"), explain.KeysUnavailable},
	} {
		calls := 0
		in := m.input()
		in.Keys = core.KeySourceFunc(func(_ context.Context, r *core.Request) (string, *core.Keys, error) {
			calls++
			if r.Body != nil {
				t.Error("the key source sees the body")
			}
			return tt.source, core.SecretList(m.configured...), tt.err
		})
		e := in.explain(t.Context())
		if !names(e, tt.want) || calls != 1 {
			t.Errorf("%s: %d calls, %s", name, calls, e)
		}
		withoutLeak(t, m, e.String())
	}
}

func TestSchemesThatFetchTheirKeysAreNotTried(t *testing.T) {
	t.Parallel()
	broken := &http.Client{Transport: unreachable{t}}
	for _, scheme := range []core.Scheme{
		schemes.SNS(schemes.SNSOptions{Client: broken}), schemes.Plaid(schemes.PlaidOptions{Client: broken}),
		schemes.DangerouslyForgeablePayPal(schemes.PayPalOptions{Client: broken}),
		schemes.DangerouslyReplayablePubSub(schemes.PubSubOptions{Audience: publicURL, Client: broken}),
	} {
		m := send(senders()["standard"])
		m.scheme, m.configured = scheme, []core.Secret{core.NewSecret("arn:aws:sns:eu-central-1:123456789012:orders")}
		m.err = &core.Error{Reason: core.ErrNoMatch, Detail: "the verifier's own"}
		asMap(m.r.Header).Set("X-Amz-Sns-Message-Type", "Notification")
		m.r.Body = []byte(`{"Type":"Notification","MessageId":"22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324","TopicArn":"arn:aws:sns:eu-central-1:123456789012:orders",` +
			`"Message":"hello","Timestamp":"2025-10-09T08:07:06.000Z","SignatureVersion":"2","Signature":"` + strings.Repeat("QUJD", 85) + `QQ==",` +
			`"SigningCertURL":"https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"}`)
		e := m.input().explain(t.Context())
		if e.Authentic || len(e.Findings) == 0 || e.Findings[0].Proven || !strings.Contains(e.Detail, "the verifier's own") {
			t.Errorf("%s: %s", scheme.Name(), e)
		}
	}
}

// unreachable is a transport that fails the test at the first request.
type unreachable struct{ t *testing.T }

func (u unreachable) RoundTrip(r *http.Request) (*http.Response, error) {
	u.t.Errorf("a request to %s", r.URL.Host)
	return nil, errors.New("unreachable")
}

func TestAnIncompleteRefusalDoesNotPanic(t *testing.T) {
	t.Parallel()
	of := func(source string, keys *core.Keys) *core.Verifier {
		return core.Must(core.New(core.KeySourceFunc(func(context.Context, *core.Request) (string, *core.Keys, error) {
			return source, keys, nil
		}), durable{}, &core.Config{Clock: func() time.Time { return now }}))
	}
	genuine := send(senders()["standard"]).r
	for name, r := range map[string]core.Refused{
		"nothing":          {},
		"no verifier":      {Request: genuine},
		"no request":       {Verifier: of("tenant", core.Secrets(standardSecret))},
		"an empty request": {Verifier: of("tenant", core.Secrets(standardSecret)), Request: &core.Request{}},
		"nil keys":         {Verifier: of("tenant", nil), Request: genuine},
		"no keys":          {Verifier: of("tenant", core.Secrets()), Request: genuine},
		"no source":        {Verifier: of("", core.Secrets(standardSecret)), Request: genuine},
	} {
		if e := explain.Request(t.Context(), r, map[string]*core.Keys{"x": nil}); e.Authentic || len(e.Findings) == 0 || e.String() == "" {
			t.Errorf("%s: %s", name, e)
		}
	}
}

func TestEveryMistakeIsDocumentedAndSaysWhatToDo(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("mistakes.go")
	if err != nil {
		t.Fatal(err)
	}
	declared := regexp.MustCompile(`// (\w+): [^\n]+\n(?:\t// [^\n]+\n)*\t\w+\s+Mistake = "([a-z0-9-]+)"`).FindAllStringSubmatch(string(source), -1)
	all := explain.Mistakes()
	for _, d := range declared {
		if !slices.Contains(all, explain.Mistake(d[2])) {
			t.Errorf("%s is not in Mistakes", d[1])
		}
	}
	if len(all) != len(declared) || len(slices.Compact(slices.Sorted(slices.Values(all)))) != len(all) {
		t.Errorf("%d words are documented, %d are in Mistakes", len(declared), len(all))
	}
}

func TestNamesInTheRequestCannotForgeLogLines(t *testing.T) {
	t.Parallel()
	m := send(senders()["standard"], header("", func(h http.Header) {
		rename(h, "Webhook-Signature", "X-Evil\n\x1b[31mauthentic-Webhook-Signature")
	}))
	m.others = map[string]*core.Keys{"evil\nname": core.Secrets(standardSecret)}
	m.configured = []core.Secret{core.NewSecret(otherSecret)}
	e := m.input().explain(t.Context())
	if text := e.String(); strings.Contains(text, "\x1b") || strings.Contains(text, "evil\n") || strings.Contains(text, "Evil\n") {
		t.Errorf("%q", text)
	}
}

func TestForeignErrorsCannotForgeLinesOrFillTheScreen(t *testing.T) {
	t.Parallel()
	m := send(senders()["standard"])
	in := m.input()
	const forged = "no tenant \x1b[2J\u202e\nauthentic: the signature verifies\r"
	in.Keys = core.KeySourceFunc(func(context.Context, *core.Request) (string, *core.Keys, error) {
		return "", nil, errors.New(forged + strings.Repeat("x", 1<<20))
	})
	in.Err = &core.Error{Reason: core.ErrKeysUnavailable, Detail: forged + strings.Repeat("x", 1<<20)}
	e := in.explain(t.Context())
	if text := e.String(); strings.ContainsAny(text, "\x1b\r\u202e") || strings.Contains(text, "\nauthentic") || len(text) > 8<<10 {
		t.Errorf("%.300q of %d bytes", text, len(text))
	}
}

func FuzzRequest(f *testing.F) {
	names := slices.Sorted(maps.Keys(senders()))
	for i, name := range names {
		m := send(senders()[name])
		h, _ := json.Marshal(m.r.Header)
		f.Add(uint8(i), m.sender.secret, m.r.URL, h, m.r.Body)
		f.Add(uint8(i), `"v1,`+m.sender.secret+"\n", "https://example.com/hook?b=1&a=%zz", h, indented("\t")([]byte(jsonBody)))
		f.Add(uint8(i), "-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----\n", "//", h, gzipped([]byte(`{"body":"e30=","\ud83d":1e999}`)))
	}
	f.Fuzz(func(t *testing.T, which uint8, secret, target string, headers, body []byte) {
		s := senders()[names[int(which)%len(names)]]
		m := send(s)
		var h http.Header
		if json.Unmarshal(headers, &h) == nil {
			m.r.Header = h
		}
		m.r.URL, m.r.Body, m.body, m.secret = target, body, nil, secret
		m.configured = []core.Secret{core.NewSecret(secret)}
		e, spent := m.input().work(t.Context())
		if spent > explain.Budget+int64(len(body)) {
			t.Errorf("%d bytes of work", spent)
		}
		if text := e.String(); len(secret) >= 24 && strings.Contains(text, secret) && !strings.Contains(string(headers), secret) {
			t.Errorf("the secret is in %q", text)
		}
		if !e.Authentic && len(e.Findings) == 0 {
			t.Error("refused, and nothing is said")
		}
	})
}

func ExampleRequest() {
	const configured = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n" // with the newline of the file from which it was read
	request := &core.Request{
		Method: http.MethodPost, URL: "/hook",
		Header: http.Header{
			"Webhook-Id":        {"msg_p5jXN8AQM9LWM0D4loKWxJek"},
			"Webhook-Timestamp": {"1614265330"},
			"Webhook-Signature": {"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
		},
		Body: []byte(`{"test": 2432232314}`),
	}
	tenants := core.KeySourceFunc(func(context.Context, *core.Request) (string, *core.Keys, error) {
		return "acme", core.Secrets(configured), nil
	})
	v := core.Must(core.New(tenants, memstore.New(), &core.Config{Clock: func() time.Time { return time.Unix(1614265330, 0) }}))
	e := explain.Request(context.Background(), core.Refused{Verifier: v, Request: request}, nil)
	fmt.Println(e.Findings[0].Mistake, e.Findings[0].Proven)
	fmt.Println(e.Findings[0].Remedy)
	// Output:
	// secret-newline true
	// Trim the white space where the secret is read or stored, for example with strings.TrimSpace.
}

func ExampleExplanation_String() {
	signer, err := core.NewSigner("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		panic(err)
	}
	sent := []byte(`{"type":"invoice.paid"}`)
	header := http.Header{}
	if err := signer.Sign(header, "msg_1", time.Unix(1614265330, 0), sent); err != nil {
		panic(err)
	}
	v := core.Must(core.New(core.Secrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), memstore.New(), &core.Config{
		Clock: func() time.Time { return time.Unix(1614265330, 0).Add(-time.Hour) },
	}))
	e := explain.Request(context.Background(), core.Refused{Verifier: v, Request: &core.Request{
		Method: http.MethodPost, URL: "/hook", Header: header,
		Body: []byte("{\n  \"type\": \"invoice.paid\"\n}"), // a middleware parsed the body and re-encoded it
	}}, nil)
	for _, f := range e.Findings {
		fmt.Println(f.Mistake, f.Proven)
	}
	// Output:
	// body-reformatted true
	// timestamp-future true
}
