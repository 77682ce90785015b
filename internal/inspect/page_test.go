package inspect_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/explain"
	"github.com/hookonce/hookonce/internal/inspect"
	"github.com/hookonce/hookonce/internal/redact"
	"github.com/hookonce/hookonce/schemes"
	"github.com/hookonce/hookonce/stores/memstore"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// opened serves a page until the test ends.
func opened(t *testing.T, cfg inspect.Config) *inspect.Page {
	t.Helper()
	ln, err := inspect.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := inspect.New(ln, cfg)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return p
}

// asked sends a request to the page and returns status and body.
func asked(t *testing.T, method, url, body string, change func(r *http.Request)) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if method != http.MethodGet {
		r.Header.Set("Hookonce-Inspect", "1")
	}
	if change != nil {
		change(r)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// refused is a delivery of a request that was changed after it was signed, with its explanation.
func refused(t *testing.T, change func(r *core.Request)) *inspect.Delivery {
	t.Helper()
	now := time.Now().Truncate(time.Second)
	v := core.Must(core.New(core.Secrets(secret), memstore.New(), &core.Config{Clock: func() time.Time { return now }}))
	r := &core.Request{Method: http.MethodPost, URL: "/hook", Host: "127.0.0.1:1", Header: http.Header{}, Body: []byte(`{"a":1,"b":"two"}`)}
	if err := schemes.Sign(core.StandardWebhooks{}, r, "msg_1", now, secret); err != nil {
		t.Fatal(err)
	}
	change(r)
	_, err := v.Verify(t.Context(), r)
	d := &inspect.Delivery{
		At: now, Request: r, Config: v.Inspect(t.Context(), r).Config, Hide: redact.Texts(secret),
		Event: core.Event{Reason: core.Handled, Verified: err == nil, Status: 200, Scheme: "standard", MessageID: "msg_1", Method: "POST", Path: "/hook"},
	}
	if refusal := (*core.Error)(nil); errors.As(err, &refusal) {
		d.Event.Reason, d.Event.Err, d.Event.Status = refusal.Reason, refusal, 401
		d.Found = explained(t.Context(), core.Refused{Verifier: v, Request: r, Err: refusal})
	}
	return d
}

func explained(ctx context.Context, r core.Refused) *inspect.Found {
	e := explain.Request(ctx, r, nil)
	f := &inspect.Found{Findings: e.Findings, Mistake: string(e.Findings[0].Mistake)}
	f.Signed, f.Attempt = e.DangerouslyAsSigned()
	return f
}

// segment and shown are the JSON that the page gets.
type segment struct {
	Text    string
	Differs bool
	Alike   int
}

type shown struct {
	Reason, Tone, Sentence string
	Headers                []struct{ Name, Value, Mark, As string }
	Body                   struct {
		Bytes int
		Shown []byte
		Cut   bool
	}
	Differences []struct {
		Part             string
		Received, Signed []segment
	}
	Parts  []struct{ Label, Text string }
	Proven bool
	Signed *struct {
		Age, Past, Future float64
		Inside, Proven    bool
	}
	Found *struct {
		Findings []struct {
			Mistake string
			Proven  bool
		}
	}
	Error string
}

// view adds a delivery and returns what the page shows of it.
func view(t *testing.T, d *inspect.Delivery) (shown, string) {
	t.Helper()
	p := opened(t, inspect.Config{})
	p.Add(d)
	status, text := asked(t, http.MethodGet, p.URL()+"api/deliveries/1", "", nil)
	var v shown
	if err := json.Unmarshal([]byte(text), &v); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s: %v", status, text, err)
	}
	return v, text
}

func TestOnlyLoopbackIsListenedOn(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "example.com:80", "127.0.0.1", "127.0.0.1:http", "127.0.0.1:99999", ""} {
		if ln, err := inspect.Listen(t.Context(), addr); !errors.Is(err, inspect.ErrNotLoopback) {
			t.Errorf("%q: %v, %v", addr, ln, err)
		}
	}
	for _, addr := range []string{"127.0.0.1:0", "localhost:0", "127.0.0.2:0"} {
		ln, err := inspect.Listen(t.Context(), addr)
		if err != nil {
			t.Errorf("%q: %v", addr, err)
			continue
		}
		ln.Close()
	}
}

func TestOnlyThePageItselfIsServed(t *testing.T) {
	t.Parallel()
	acted := 0
	p := opened(t, inspect.Config{Actions: []inspect.Action{{Name: "act", Do: func(context.Context, *inspect.Delivery) (string, error) { acted++; return "done", nil }}}})
	p.Add(refused(t, func(*core.Request) {}))
	origin, rest, _ := strings.Cut(strings.TrimPrefix(p.URL(), "http://"), "/")
	_, port, _ := strings.Cut(origin, ":")
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	host := func(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }
	for name, c := range map[string]struct {
		change func(*http.Request)
		want   int
	}{
		"as it is":                 {nil, 200},
		"as localhost":             {host("localhost:" + port), 200},
		"as [::1]":                 {host("[::1]:" + port), 200},
		"a name that was rebound":  {host("evil.example:" + port), 403},
		"another port":             {host("127.0.0.1:1"), 403},
		"no port":                  {host("127.0.0.1"), 403},
		"its own origin":           {header("Origin", "http://"+origin), 200},
		"another origin":           {header("Origin", "http://evil.example"), 403},
		"another port's origin":    {header("Origin", "http://127.0.0.1:1"), 403},
		"an origin that is hidden": {header("Origin", "null"), 403},
		"another site":             {header("Sec-Fetch-Site", "cross-site"), 403},
		"another port of the site": {header("Sec-Fetch-Site", "same-site"), 403},
		"its own site":             {header("Sec-Fetch-Site", "same-origin"), 200},
	} {
		for _, request := range []struct{ method, path string }{
			{http.MethodGet, "api/deliveries/1"}, {http.MethodGet, ""}, {http.MethodGet, "api/deliveries/1/raw"}, {http.MethodPost, "api/deliveries/1/actions/0"},
		} {
			before := acted
			status, text := asked(t, request.method, p.URL()+request.path, "", c.change)
			if status != c.want {
				t.Errorf("%s, %s %s: %d %s, want %d", name, request.method, request.path, status, text, c.want)
			}
			if acted != before && c.want != 200 {
				t.Errorf("%s: the action ran", name)
			}
		}
	}
	if acted == 0 {
		t.Error("no action ran")
	}
	// Requests that a form or a link of another page could send.
	if status, _ := asked(t, http.MethodPost, p.URL()+"api/deliveries/1/actions/0", "", func(r *http.Request) { r.Header.Del("Hookonce-Inspect") }); status != 403 {
		t.Errorf("an action without the header of the page: %d", status)
	}
	if status, _ := asked(t, http.MethodPost, p.URL()+"api/deliveries/1/actions/0", "", header("Sec-Fetch-Site", "none")); status != 403 {
		t.Errorf("an action that no page asked for: %d", status)
	}
	// Without the path nothing can be found.
	for _, path := range []string{"", "api/deliveries/1", "page.js", strings.Repeat("0", len(rest)-1) + "/"} {
		if status, _ := asked(t, http.MethodGet, "http://"+origin+"/"+path, "", nil); status != http.StatusNotFound {
			t.Errorf("%q: %d without the token", path, status)
		}
	}
}

func TestEveryResponseForbidsWhatThePageDoesNotNeed(t *testing.T) {
	t.Parallel()
	p := opened(t, inspect.Config{})
	for _, path := range []string{"", "page.js", "page.css", "icon.svg", "api/page", "api/deliveries/7", "nothing"} {
		resp, err := http.Get(p.URL() + path) //nolint:noctx // of this test
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; script-src 'self';", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
			"Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := resp.Header.Get(name); !strings.HasPrefix(got, want) {
				t.Errorf("%q: %s is %q", path, name, got)
			}
		}
		if path != "nothing" && path != "api/deliveries/7" && resp.StatusCode != 200 {
			t.Errorf("%q: %d", path, resp.StatusCode)
		}
	}
}

// The files are checked, not only the headers: nothing is loaded from elsewhere, and nothing that
// was sent is parsed as HTML.
func TestTheFilesLoadNothingFromElsewhere(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"page.html", "page.css", "page.js", "icon.svg"} {
		text, err := os.ReadFile(filepath.Join("web", name))
		if err != nil {
			t.Fatal(err)
		}
		left := strings.ReplaceAll(string(text), "http://www.w3.org/2000/svg", "")
		for _, word := range []string{"//cdn", "http://", "https://", "@import", "url(", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "style=", "onclick", "setAttribute("} {
			if strings.Contains(left, word) {
				t.Errorf("%s has %q", name, word)
			}
		}
	}
}

func TestTheDifferenceIsWhatWasProven(t *testing.T) {
	t.Parallel()
	v, _ := view(t, refused(t, func(r *core.Request) { r.Body = []byte("{\"a\": 1,\n\"b\":\"two\"}") }))
	if len(v.Differences) != 1 || v.Differences[0].Part != "body" || !v.Proven {
		t.Fatalf("%+v", v.Differences)
	}
	for _, white := range []string{"·", "⏎\n"} {
		if !slices.Contains(v.Differences[0].Received, segment{Text: white, Differs: true}) {
			t.Errorf("%q is not marked: %+v", white, v.Differences[0].Received)
		}
	}
	for _, s := range v.Differences[0].Signed {
		if s.Differs {
			t.Errorf("the sender's body has all that it had: %q", s.Text)
		}
	}
	v, _ = view(t, refused(t, func(*core.Request) {}))
	if len(v.Differences) != 0 || v.Reason != "handled" {
		t.Errorf("a handled delivery differs: %+v", v)
	}
	v, _ = view(t, refused(t, func(r *core.Request) { r.Body = []byte("something else") }))
	if len(v.Differences) != 0 || v.Proven || v.Found.Findings[0].Mistake != "unknown" {
		t.Errorf("a guess is shown as a difference: %+v", v)
	}
}

func TestHeadersAreMarkedAsTheyAre(t *testing.T) {
	t.Parallel()
	signature := func(r *core.Request) (http.Header, string) {
		h, _ := r.Header.(http.Header)
		return h, h.Get("Webhook-Signature")
	}
	for name, c := range map[string]struct {
		change func(r *core.Request)
		want   string // name, mark, as
	}{
		"present": {func(*core.Request) {}, "Webhook-Signature read "},
		"missing": {func(r *core.Request) { h, _ := signature(r); h.Del("Webhook-Signature") }, "Webhook-Signature missing "},
		"renamed": {func(r *core.Request) {
			h, s := signature(r)
			h.Del("Webhook-Signature")
			h.Set("X-Webhook-Signature", s)
		}, "X-Webhook-Signature renamed Webhook-Signature"},
		"changed": {func(r *core.Request) { h, s := signature(r); h["Webhook-Signature"] = []string{`"` + s + `"`} }, "Webhook-Signature changed "},
		"other":   {func(r *core.Request) { h, _ := signature(r); h.Set("X-Other", "1") }, "X-Other  "},
	} {
		v, _ := view(t, refused(t, c.change))
		var all []string
		for _, h := range v.Headers {
			all = append(all, h.Name+" "+h.Mark+" "+h.As)
		}
		if !slices.Contains(all, c.want) {
			t.Errorf("%s: %q, want %q", name, all, c.want)
		}
	}
}

func TestTheSignedTextIsTakenApart(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"a":1,"b":"two"}`, "msg_1 was paid"} {
		d := refused(t, func(r *core.Request) { r.Body = []byte(body) })
		v, _ := view(t, d)
		var labels []string
		var text strings.Builder
		for _, part := range v.Parts {
			labels = append(labels, part.Label)
			text.WriteString(part.Text)
		}
		if want := []string{"Webhook-Id", "separator", "Webhook-Timestamp", "separator", "body"}; !slices.Equal(labels, want) {
			t.Errorf("%q, want %q", labels, want)
		}
		if want := fmt.Sprintf("msg_1.%d.%s", d.At.Unix(), body); text.String() != want {
			t.Errorf("%q, want %q", text.String(), want)
		}
	}
}

func TestTheTimestampIsHeldAgainstTheTolerance(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		after  time.Duration
		inside bool
	}{{0, true}, {5 * time.Minute, true}, {5*time.Minute + time.Second, false}, {-5 * time.Minute, true}, {-6 * time.Minute, false}} {
		d := refused(t, func(*core.Request) {})
		d.At = d.At.Add(c.after)
		v, _ := view(t, d)
		if v.Signed == nil || v.Signed.Age != c.after.Seconds() || v.Signed.Inside != c.inside || v.Signed.Past != 300 || v.Signed.Future != 300 {
			t.Errorf("%v: %+v", c.after, v.Signed)
		}
	}
}

// The page never contains a secret or a signature. A saved request contains the signature that was
// sent.
func TestNoSecretAndNoSignatureIsShown(t *testing.T) {
	t.Parallel()
	bare := strings.TrimPrefix(secret, "whsec_")
	var mac string
	changes := map[string]func(r *core.Request){
		"handled":                 func(*core.Request) {},
		"a body that was changed": func(r *core.Request) { r.Body = append(r.Body, '\n') },
		"a secret in body, address and headers": func(r *core.Request) {
			h, _ := r.Header.(http.Header)
			r.Body, r.URL = []byte(`{"key":"`+secret+`"}`), "/hook?token="+bare
			h.Set("X-Note", "the secret is "+secret)
			h.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("user:"+secret)))
		},
		"a signature under another name": func(r *core.Request) {
			h, _ := r.Header.(http.Header)
			h.Set("X-Unusual", h.Get("Webhook-Signature"))
			h.Del("Webhook-Signature")
			h.Del("Webhook-Id")
		},
		"a signature that is cut": func(r *core.Request) {
			h, _ := r.Header.(http.Header)
			h.Set("Webhook-Signature", h.Get("Webhook-Signature")[:30])
		},
		"a signature in quotes": func(r *core.Request) {
			h, _ := r.Header.(http.Header)
			h.Set("Webhook-Signature", "\""+h.Get("Webhook-Signature")+"\"")
		},
		"a signature in the body": func(r *core.Request) { r.Body = []byte(mac) },
	}
	for name, change := range changes {
		d := refused(t, func(r *core.Request) {
			mac = r.Header.Get("Webhook-Signature")
			change(r)
		})
		_, text := view(t, d)
		_, mac, _ = strings.Cut(mac, ",")
		var v shown
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		text += string(v.Body.Shown)
		for what, hidden := range map[string]string{
			"the secret": secret, "the secret without its prefix": bare, "the signature": mac, "a half of the signature": mac[:24],
			"the secret in base64": base64.StdEncoding.EncodeToString([]byte("user:" + secret)),
		} {
			if strings.Contains(text, hidden) {
				t.Errorf("%s: %s is shown: %s", name, what, text)
			}
		}
	}
	p := opened(t, inspect.Config{})
	p.Add(refused(t, func(r *core.Request) { mac = r.Header.Get("Webhook-Signature"); r.Body = []byte(secret) }))
	for _, path := range []string{"raw", "curl"} {
		if _, text := asked(t, http.MethodGet, p.URL()+"api/deliveries/1/"+path, "", nil); !strings.Contains(text, mac) || strings.Contains(text, bare) {
			t.Errorf("%s: %s", path, text)
		}
	}
}

// A long text is cut after its secrets are replaced: even half of a secret is too much.
func TestACutShowsNoPartOfASecret(t *testing.T) {
	t.Parallel()
	v, _ := view(t, refused(t, func(r *core.Request) { r.Body = []byte(strings.Repeat("x", 4080) + secret) }))
	for _, part := range v.Parts {
		if strings.Contains(part.Text, secret[:10]) {
			t.Errorf("%s: …%s", part.Label, part.Text[len(part.Text)-32:])
		}
	}
}

// A password may be short: the word before it identifies it.
func TestAShortPasswordOfBasicAuthenticationIsNotShown(t *testing.T) {
	t.Parallel()
	d := refused(t, func(r *core.Request) {
		h, _ := r.Header.(http.Header)
		h.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("u:pass")))
	})
	d.Hide = redact.Texts("pass")
	if _, text := view(t, d); strings.Contains(text, "dTpwYXNz") {
		t.Error(text)
	}
}

// The race detector sees whether two pages that show one delivery write to it.
func TestADeliveryIsShownToSeveralAtOnce(t *testing.T) {
	t.Parallel()
	p := opened(t, inspect.Config{})
	d := refused(t, func(r *core.Request) { r.Body = append(r.Body, '\n') })
	attempt, signed := new(core.Attempt), d.Found.Signed
	if err := errors.Join(d.Config.Scheme.ReadHeader(signed, attempt), d.Config.Scheme.ReadBody(signed, attempt)); err != nil {
		t.Fatal(err)
	}
	d.Found.Attempt = attempt // which nothing has read yet
	p.Add(d)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if status, text := asked(t, http.MethodGet, p.URL()+"api/deliveries/1", "", nil); status != http.StatusOK || !strings.Contains(text, `"proven":true`) {
				t.Error(status, text)
			}
		})
	}
	wg.Wait()
}

func TestADeliveryIsVerifiedAgainWithWhatIsPosted(t *testing.T) {
	t.Parallel()
	p := opened(t, inspect.Config{Scheme: "standard", Explain: explained})
	p.Add(refused(t, func(r *core.Request) { r.Body = append(r.Body, '\n') }))
	other := core.GenerateSecret()
	p.Add(refused(t, func(r *core.Request) { r.URL += "?token=" + strings.TrimPrefix(other, "whsec_") }))
	for name, c := range map[string]struct {
		number               int
		scheme, secret, want string
		status               int
	}{
		"the right secret":                {2, "standard", secret, "authentic", 200},
		"the right one among others":      {2, "svix", other + "\n" + secret + "\n", "authentic", 200},
		"another secret":                  {2, "standard", other, "no-match", 200},
		"a secret that can be none":       {2, "standard", "not a secret", "misconfigured", 200},
		"a body that was changed":         {1, "standard", secret, "no-match", 200},
		"another scheme":                  {2, "github", "some text that is long enough", "missing-header", 200},
		"a scheme whose keys are fetched": {2, "paypal", "1234567890", "", 409},
		"no secret":                       {2, "standard", " \n", "", 400},
		"no such scheme":                  {2, "nonsense", secret, "", 400},
		"the delivery does not exist":     {3, "standard", secret, "", 404},
		"a large secret":                  {2, "standard", strings.Repeat("x", 1<<20), "", 400},
	} {
		posted, _ := json.Marshal(map[string]string{"scheme": c.scheme, "secret": c.secret})
		status, text := asked(t, http.MethodPost, fmt.Sprintf("%sapi/deliveries/%d/again", p.URL(), c.number), string(posted), nil)
		var v shown
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		if status != c.status || v.Reason != c.want {
			t.Errorf("%s: %d %s, want %d %q", name, status, text, c.status, c.want)
		}
		for one := range strings.FieldsSeq(c.secret) {
			if len(one) > 8 && strings.Contains(text, strings.TrimPrefix(one, "whsec_")) {
				t.Errorf("%s: a secret comes back: %s", name, text)
			}
		}
	}
	// Nothing of it is kept.
	if v, text := asked(t, http.MethodGet, p.URL()+"api/deliveries/2", "", nil); v != 200 || !strings.Contains(text, `"reason":"handled"`) {
		t.Errorf("%d %s", v, text)
	}
}

func TestTheRingIsBounded(t *testing.T) {
	t.Parallel()
	p := opened(t, inspect.Config{})
	kept := func(number int) bool {
		status, _ := asked(t, http.MethodGet, fmt.Sprintf("%sapi/deliveries/%d", p.URL(), number), "", nil)
		return status == http.StatusOK
	}
	d := refused(t, func(*core.Request) {})
	for range 201 {
		p.Add(d)
	}
	if kept(1) || !kept(2) || !kept(201) {
		t.Error("it holds another number than the last 200")
	}
	large := *d
	request := *d.Request
	request.Body = bytes.Repeat([]byte("x"), 15<<20)
	large.Request = &request
	for range 5 {
		p.Add(&large)
	}
	if kept(202) || !kept(203) || !kept(206) {
		t.Error("it holds more or less than 64 MiB")
	}
	huge := large
	request.Body = bytes.Repeat([]byte("x"), 17<<20)
	huge.Request = &request
	p.Add(&huge)
	_, text := asked(t, http.MethodGet, p.URL()+"api/deliveries/207", "", nil)
	if !strings.Contains(text, "too large to be kept") || strings.Contains(text, "xxxx") {
		t.Errorf("%.300s", text)
	}
	if status, text := asked(t, http.MethodGet, p.URL()+"api/deliveries/207/raw", "", nil); status != http.StatusConflict {
		t.Errorf("%d %.100s", status, text)
	}
}

// An event has a path, which a stranger chooses. An explanation has the signed text.
func TestTheRingCountsAllThatItKeeps(t *testing.T) {
	t.Parallel()
	proven := refused(t, func(r *core.Request) { r.Body = append(r.Body, '\n') })
	attempt := new(core.Attempt)
	attempt.Content.WriteString(strings.Repeat("x", 1<<20))
	found := *proven.Found
	found.Attempt = attempt
	proven.Found = &found
	for name, d := range map[string]*inspect.Delivery{
		"an event":       {Event: core.Event{Path: "/" + strings.Repeat("x", 1<<20)}},
		"an explanation": proven,
	} {
		p := opened(t, inspect.Config{})
		for range 70 {
			p.Add(d)
		}
		if status, _ := asked(t, http.MethodGet, p.URL()+"api/deliveries/1", "", nil); status == http.StatusOK {
			t.Errorf("%s: 70 MiB are kept", name)
		}
	}
}

func TestEventsBringWhatChangedAndNoMoreStreamsThanAllowed(t *testing.T) {
	t.Parallel()
	p := opened(t, inspect.Config{})
	p.Add(refused(t, func(*core.Request) {}))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream := func() (*http.Response, *bufio.Scanner) {
		t.Helper()
		r, _ := http.NewRequestWithContext(ctx, http.MethodGet, p.URL()+"api/events", http.NoBody)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resp.Body.Close() })
		return resp, bufio.NewScanner(resp.Body)
	}
	_, lines := stream()
	next := func() string {
		for lines.Scan() {
			if text, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				return text
			}
		}
		t.Fatal(lines.Err())
		return ""
	}
	if text := next(); strings.Count(text, `"number"`) != 1 {
		t.Errorf("first %s", text)
	}
	d := refused(t, func(r *core.Request) { r.Body = nil })
	p.Add(d)
	if text := next(); strings.Count(text, `"number"`) != 1 || !strings.Contains(text, `"number":2`) || !strings.Contains(text, "no-match") {
		t.Errorf("then %s", text)
	}
	settled := d.Event
	settled.Status = 418
	if !p.Settle(settled) || p.Settle(core.Event{Err: core.ErrReplay}) || p.Settle(core.Event{}) {
		t.Error("an event settles another delivery than its own")
	}
	if text := next(); !strings.Contains(text, `"number":2`) || !strings.Contains(text, "418") {
		t.Errorf("at last %s", text)
	}
	for range 15 {
		if resp, _ := stream(); resp.StatusCode != http.StatusOK {
			t.Fatal(resp.StatusCode)
		}
	}
	if resp, _ := stream(); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("the seventeenth stream: %d", resp.StatusCode)
	}
}

// A program that uses only explain.Hook does not include the page.
func TestAProgramThatDoesNotInspectHoldsNoPage(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds two programs: run `make test-all`")
	}
	for program, want := range map[string]bool{"examples/development": false, "cmd/hookonce": true} {
		file := filepath.Join(t.TempDir(), "program")
		build := exec.CommandContext(t.Context(), "go", "build", "-o", file, "./"+program)
		build.Dir = "../.."
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got := bytes.Contains(text, []byte("<title>hookonce inspector</title>")); got != want {
			t.Errorf("%s holds the page: %v", program, got)
		}
	}
}

// Credentials of any kind are shown by their length; the text around them is unchanged.
func TestACredentialKeepsItsForm(t *testing.T) {
	t.Parallel()
	sent := map[string]string{
		"Authorization":    "Bearer abcdefghijklmnop",
		"Cookie":           "session=0123456789abcdef; theme=dark",
		"X-Api-Key":        "live-abcdef-123456",
		"Stripe-Signature": "t=1760000000,v1=0123456789abcdef0123456789abcdef",
		"X-Note":           "nothing secret, at all",
	}
	v, text := view(t, refused(t, func(r *core.Request) {
		h, _ := r.Header.(http.Header)
		for name, value := range sent {
			h.Set(name, value)
		}
	}))
	got := map[string]string{}
	for _, h := range v.Headers {
		got[h.Name] = h.Value
	}
	for name, want := range map[string]string{
		"Authorization":    "Bearer ‹16 characters›",
		"Cookie":           "session=‹16 characters›; theme=dark",
		"X-Api-Key":        "‹18 characters›",
		"Stripe-Signature": "t=1760000000,v1=‹32 characters›",
		"X-Note":           "nothing secret, at all",
	} {
		if got[name] != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
	if strings.Contains(text, "abcdefghijklmnop") || strings.Contains(text, "0123456789abcdef") {
		t.Error(text)
	}
}
