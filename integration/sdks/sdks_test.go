// Package sdks_test compares hookonce with the senders' own libraries: whether
// it accepts what they sign, and whether they accept what schemes.Sign makes.
package sdks_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"flag"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
)

var update = flag.Bool("update", false, "write the tables into docs/providers.md, and schemes/testdata/judged.json") //nolint:gochecknoglobals // a flag

// plainBody is the body that is tampered with.
const plainBody = "ASCII"

// trial is a request and what it tests.
type trial struct {
	name    string
	request request
}

// trials returns requests that a sender makes, and what an attacker makes of them.
func trials(t testing.TB, j judge, now time.Time) []trial {
	t.Helper()
	var all []trial
	add := func(name string, r request, err error) {
		switch {
		case errors.Is(err, errUnsigned): // as a body that cannot hold what this sender signs in it
		case err != nil:
			t.Fatalf("%s, %s: %v", j.name, name, err)
		default:
			all = append(all, trial{name, r})
		}
	}
	whole := bodies(j.sender)
	for _, name := range slices.Sorted(maps.Keys(whole)) {
		r, err := sign(t, j.sender, whole[name], now)
		add(name, r, err)
		if j.sign != nil && err == nil {
			r.Headers = headersOf(j.sender, whole[name])
			r.Body, r.URL = whole[name], public+queryOf(j.sender)
			signed, ok := j.sign(r)
			if !ok {
				continue
			}
			all = append(all, trial{"signed by the library: " + name, signed})
			if name == plainBody {
				all = append(all, trial{"signed by the library, a letter of the body changed", changed(signed)})
			}
		}
	}
	if slices.Contains([]string{"contentful", "plivo", "twilio"}, j.sender) { // they sign the address, whose query hookonce takes from the request
		mine, _ := secrets(t, j.sender)
		r := unsignedFrom(j.sender, mine, whole[plainBody])
		r.URL += "?a=%20b&c=%3A~!'()*&d=1+2&e=%C3%A9"
		if j.sign != nil {
			if signed, ok := j.sign(r); ok {
				all = append(all, trial{"signed by the library: an address with a query", signed})
			}
		}
		r, err := signUnder(t, r, now, mine)
		add("an address with a query", r, err)
	}
	if j.name == "twilio" { // what schemes.Sign does not make
		for _, v := range []struct{ name, url, settings string }{
			{"a form, at an address with its port", strings.Replace(public, "example.com", "example.com:443", 1), ""},
			{"a form, at an address with a query", public + "?a=1&b=2", ""},
			{"a form, under a shared key", public, "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"},
		} {
			mine, _ := secrets(t, j.sender)
			r := unsignedFrom(j.sender, mine, whole["a form"])
			if r.URL = v.url; v.settings != "" {
				r.Headers["X-Twilio-Webhooks-Signature-Settings"] = v.settings
			}
			signed, ok := j.sign(r)
			if !ok {
				t.Fatalf("%s does not sign %s", j.name, v.name)
			}
			all = append(all, trial{"signed by the library: " + v.name, signed})
		}
	}
	plain := whole[plainBody]
	good, err := sign(t, j.sender, plain, now)
	if err != nil {
		t.Fatalf("%s: %v", j.name, err)
	}
	bad, err := forged(t, good, now)
	add("another key", bad, err)
	add("a letter of the body changed", changed(good), nil)
	spaced := good.clone()
	spaced.Body = append(spaced.Body, ' ')
	add("a space behind the body", spaced, nil)
	for _, c := range []struct {
		name   string
		change func(string) string
	}{
		{"a letter of the signature changed", func(s string) string {
			if s[0] == 'a' {
				return "b" + s[1:]
			}
			return "a" + s[1:]
		}},
		{"the end of the signature missing", func(s string) string { s = strings.TrimRight(s, "="); return s[:len(s)-2] }},
		{"the signature without its padding", func(s string) string { return strings.TrimRight(s, "=") }},
		{"the signature in capitals", strings.ToUpper},
		{"the signature repeated", func(s string) string { return s + s }},
	} {
		if r, ok := atSignature(good, bad, c.change); ok {
			add(c.name, r, nil)
		}
	}
	if r, ok := unsigned(good, bad); ok {
		add("no signature", r, nil)
	}
	r, err := rotated(t, j.sender, plain, now)
	add("two signatures, the second fits", r, err)
	if stamping := schemeOf(t, j.sender).Stamping(); stamping == core.StampedEachAttempt || stamping == core.StampedOnce {
		for name, d := range map[string]time.Duration{
			"4 minutes old": -4 * time.Minute, "4 minutes ahead": 4 * time.Minute, "a day old": -24 * time.Hour, "a day ahead": 24 * time.Hour,
		} {
			r, err := sign(t, j.sender, plain, now.Add(d))
			add(name, r, err)
		}
	}
	return all
}

// changed is r with another letter in its body, or in what its body holds.
func changed(r request) request {
	r = r.clone()
	hallo := func(text []byte) []byte { return bytes.Replace(text, []byte("hello"), []byte("hallo"), 1) }
	switch r.Sender {
	case "kinde", "wix": // a token
		parts := bytes.Split(r.Body, []byte("."))
		claims, _ := base64.RawURLEncoding.DecodeString(string(parts[1]))
		parts[1] = base64.RawURLEncoding.AppendEncode(nil, hallo(claims))
		r.Body = bytes.Join(parts, []byte("."))
	case "braintree": // a form with base64
		form, _ := url.ParseQuery(string(r.Body))
		payload, _ := base64.StdEncoding.DecodeString(form.Get("bt_payload"))
		form.Set("bt_payload", base64.StdEncoding.EncodeToString(hallo(payload))+"\n")
		r.Body = []byte(form.Encode())
	default:
		r.Body = hallo(r.Body)
	}
	return r
}

// atSignature changes the signature in place, from the first byte in which it differs from one
// under another key.
func atSignature(good, bad request, change func(string) string) (request, bool) {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=_-."
	in := func(text, other string) (string, bool) {
		i := 0
		for i < len(text) && i < len(other) && text[i] == other[i] {
			i++
		}
		if i == len(text) {
			return text, false
		}
		end := i
		for end < len(text) && strings.IndexByte(letters, text[end]) >= 0 {
			end++
		}
		return text[:i] + change(text[i:end]) + text[end:], true
	}
	r := good.clone()
	for name := range r.Headers {
		if text, ok := in(r.Headers[name], bad.Headers[name]); ok {
			r.Headers[name] = text
			return r, r.Headers[name] != good.Headers[name]
		}
	}
	text, ok := in(string(r.Body), string(bad.Body))
	r.Body = []byte(text)
	return r, ok && text != string(good.Body)
}

// unsigned returns good without the headers that contain the signature.
func unsigned(good, bad request) (request, bool) {
	r := good.clone()
	maps.DeleteFunc(r.Headers, func(name, value string) bool { return bad.Headers[name] != value })
	return r, len(r.Headers) < len(good.Headers)
}

type pair struct{ judge, trial string }

// forgeries returns the trials that hookonce must refuse, whatever the library says.
func forgeries() []string {
	return []string{
		"another key", "a letter of the body changed", "a space behind the body", "a letter of the signature changed", "the end of the signature missing",
		"the signature without its padding", "the signature in capitals", "the signature repeated", "no signature", "a day old", "a day ahead",
		"signed by the library, a letter of the body changed",
	}
}

// isForgery reports whether a trial is a forgery for this sender.
func isForgery(sender, trial string) bool {
	bodyUnsigned := slices.Contains([]string{"mailgun", "mercadopago", "adyen", "payos"}, sender) // a space counts for nothing there
	inBody := sender == "adyen" || sender == "payos"                                              // is what they sign
	if bodyUnsigned && strings.Contains(trial, "the body") && (!inBody || strings.HasPrefix(trial, "a space")) {
		return false
	}
	return slices.Contains(forgeries(), trial)
}

// TestTheLibrariesThatOthersPublish installs the libraries once and asks them all.
func TestTheLibrariesThatOthersPublish(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	t.Run("those of the senders agree", func(t *testing.T) {
		t.Parallel()
		theSendersAgree(t, n)
	})
	t.Run("those of RFC 9421 in pairs", func(t *testing.T) {
		t.Parallel()
		inPairs(t, n)
	})
}

// theSendersAgree asks every library for its verdict on every trial. If it differs from that of
// hookonce, the difference must be listed.
func theSendersAgree(t *testing.T, n *node) {
	t.Helper()
	judges := append(n.judges(t), goJudges(t)...)
	slices.SortFunc(judges, func(a, b judge) int { return strings.Compare(a.name, b.name) })
	known := make(map[pair]string) // who accepts
	for _, d := range disagreements() {
		for _, trial := range d.trials {
			for name := range strings.FieldsSeq(d.judges) {
				if _, twice := known[pair{name, trial}]; twice {
					t.Errorf("%s, %s: two entries say why the verdicts differ", name, trial)
				}
				known[pair{name, trial}] = d.accepts
			}
		}
	}
	names := make(map[string]bool)
	agreed, differed, signed := 0, 0, 0
	fresh := make(map[string][]string) // what no entry knows, by trial
	for _, j := range judges {
		names[j.sender] = true
		if j.sign != nil {
			signed++
		}
		if r, err := sign(t, j.sender, bodies(j.sender)[plainBody], time.Now()); err == nil {
			j.verify(r) // loads the library, so that what is signed next is not old when it is asked: one allows 5 seconds
		}
		for _, tr := range trials(t, j, time.Now()) {
			theirs, why := j.verify(tr.request)
			mine, err := accepts(t, tr.request)
			p := pair{j.name, tr.name}
			who := known[p]
			delete(known, p)
			switch forgery := isForgery(j.sender, tr.name); {
			case forgery && mine:
				t.Errorf("%s, %s: hookonce accepts it", j.name, tr.name)
			case !forgery && !mine && !theirs && !strings.HasPrefix(tr.name, "4 minutes"): // which some senders do not allow
				t.Errorf("%s, %s: both refuse what the sender signs: %v; %s", j.name, tr.name, err, why)
			}
			if mine == theirs {
				agreed++
				if who != "" {
					t.Errorf("%s, %s: the verdicts agree, accepted is %v: remove them from the entry", j.name, tr.name, mine)
				}
				continue
			}
			differed++
			accepter, refusal := hookonce, why
			if theirs {
				accepter, refusal = library, err.Error()
			}
			if who != accepter {
				fresh[accepter+" accepts "+tr.name] = append(fresh[accepter+" accepts "+tr.name], j.name)
				t.Logf("%s, %s: %s alone accepts it; the other says: %.200s", j.name, tr.name, accepter, refusal)
			}
		}
	}
	for _, trial := range slices.Sorted(maps.Keys(fresh)) {
		t.Errorf("no entry in disagreements_test.go says why %s: %s", trial, strings.Join(fresh[trial], " "))
	}
	for p := range known {
		t.Errorf("%s, %s: an entry knows of a difference, but there is no such trial or judge", p.judge, p.trial)
	}
	t.Logf("%d names in the registry, %d of them judged by %d libraries, %d of which sign: %d verdicts agree, %d differ",
		len(schemes.Names()), len(names), len(judges), signed, agreed, differed)
	if len(names) < 40 {
		t.Errorf("only %d senders are judged", len(names))
	}
	if !t.Failed() {
		wantBlock(t, "judged", table(judges, agreed, differed, len(schemes.Names())))
		wantList(t, judges)
	}
}
