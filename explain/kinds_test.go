package explain_test

import (
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // Twilio's
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/explain"
	"github.com/hookonce/hookonce/schemes"
)

// told is what the first line must say of a refused request: how it begins, and what else it must
// contain.
type told struct {
	in   input
	want string
	also []string
}

// first compares the first line, and fails if it blames the secret.
func (s told) first(t *testing.T) {
	t.Helper()
	e := s.in.explain(t.Context())
	line := firstLine(e)
	if !strings.HasPrefix(line, s.want) {
		t.Errorf("want %q, got: %s", s.want, line)
	}
	for _, also := range s.also {
		if !strings.Contains(line, also) {
			t.Errorf("%q is not on the first line: %s", also, line)
		}
	}
	m := &message{r: &core.Request{Header: asMap(s.in.Request.Header).Clone(), Body: s.in.Request.Body}}
	if len(m.r.Body) < 32 { // such as [object Object], which is said
		m.r.Body = nil
	}
	if keys, ok := s.in.Keys.(*core.Keys); ok {
		m.configured = keys.List()
	}
	withoutLeak(t, m, e.String())
	if strings.Contains(line, "a wrong secret") && !strings.HasPrefix(s.want, "unknown") {
		t.Errorf("the secret is blamed: %s", line)
	}
}

func tell(t *testing.T, all map[string]told) {
	t.Helper()
	for name, s := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.first(t)
		})
	}
}

// made returns a message of a sender with these changes.
func made(name string, all ...damage) *message { return send(senders()[name], all...) }

func body(text string) damage {
	return damage{before: func(m *message) { m.body = []byte(text) }}
}

func becomes(text string) damage {
	return damage{after: func(m *message) { m.r.Body = []byte(text) }}
}

func configured(scheme core.Scheme) damage {
	return damage{after: func(m *message) { m.scheme = scheme }}
}

func TestASignedAddressThatArrivesRewrittenIsNamed(t *testing.T) {
	t.Parallel()
	at := func(scheme core.Scheme, name, signed, target string) input {
		return made(name, damage{before: func(m *message) { m.address = signed }}, configured(scheme), damage{after: func(m *message) { m.r.URL = target }}).input()
	}
	const origin = "https://example.com"
	all := map[string]told{}
	for name, s := range map[string]func(url string) core.Scheme{"square": schemes.Square, "hubspot": schemes.HubSpot} {
		for what, c := range map[string][2]string{
			"nginx decodes the path":                  {"/hook/%7Euser/events", "/hook/~user/events"},
			"nginx decodes a tilde and a slash":       {"/hook/%7Euser/a%2Fb", "/hook/~user/a/b"},
			"Apache writes hexadecimal in upper case": {"/hook/%c3%bc", "/hook/%C3%BC"},
			"slashes are merged":                      {"/hook//events", "/hook/events"},
			"lighttpd rewrites the query":             {"/hook?a=%2f", "/hook?a=%2F"},
		} {
			all[name+": "+what] = told{at(s(origin), name, origin+c[0], c[1]), "url (proven): ", nil}
		}
		slash := "/hook/a/b" // as nginx decodes it
		if name == "hubspot" {
			slash = "/hook/a%2Fb" // as it is on the wire; the sender decodes it before it signs
		}
		all[name+": one side decodes a slash"] = told{at(s(origin), name, origin+"/hook/a%2Fb", slash), "url (proven): ", nil}
		all[name+": a prefix is stripped"] = told{at(s(origin), name, origin+"/api/v2/hook", "/hook"), "url (seen): " + name + " signs the URL", []string{`"/hook"`}}
		all[name+": a query is dropped"] = told{at(s(origin), name, origin+"/hook?tenant=acme", "/hook"), "url (seen): " + name + " signs the URL", []string{`"/hook"`}}
		all[name+": the query is taken from the request"] = told{
			at(s(origin+"/hook"), name, origin+"/hook?a=b%20c&d=e", "/hook?x=b"), "url (seen): ", []string{`"/hook?x=b"`, "the query"},
		}
		all[name+": a query normalizer in front of a configured URL"] = told{
			at(s(origin+"/hook?b=1&a=%7e"), name, origin+"/hook?b=1&a=%7e", "/hook?a=~&b=1"), "url (proven): ", []string{"a different query"},
		}
		all[name+": HAProxy leaves an ampersand"] = told{
			at(s(origin+"/hook?b=1&a=2"), name, origin+"/hook?b=1&a=2", "/hook?&a=2&b=1"), "url (proven): ", nil,
		}
	}
	tell(t, all)
}

// A wrong secret and a rewritten address look the same if a part of the address comes from the
// request. The text must not choose between them, and the fix must name both.
func TestAnAddressFromTheRequestDoesNotRuleOutAWrongSecret(t *testing.T) {
	t.Parallel()
	for name, scheme := range map[string]core.Scheme{"square": schemes.Square("https://example.com"), "hubspot": schemes.HubSpot("https://example.com")} {
		m := made(name, configured(scheme))
		m.configured = []core.Secret{core.NewSecret(freeOther)}
		e := m.input().explain(t.Context())
		f := e.Findings[0]
		if f.Mistake != explain.URL || f.Proven || !strings.Contains(f.What, "or the secret is a different one") ||
			!strings.Contains(f.Remedy, "copy the secret again") || !strings.Contains(f.Look, "which shows the secret") {
			t.Errorf("%s: %s", name, e)
		}
	}
}

// A digest of another body proves a change of the body, so the address is not blamed.
func TestADigestOfAnotherBodyIsReportedBeforeTheAddress(t *testing.T) {
	t.Parallel()
	secret := []byte("a secret of thirty-two bytes !!!")
	r := httpSigned([]byte("another secret of thirty-two byt"), `{"a":1}`)
	in := httpInput(r, secret)
	in.Config.Scheme = schemes.HTTPSignatures(schemes.SignatureProfile{URL: "https://example.com"})
	same := told{in, "url (seen): ", nil}
	changed := *r
	changed.Body = []byte(`{"a":2}`)
	other := httpInput(&changed, secret)
	other.Config.Scheme = in.Config.Scheme
	tell(t, map[string]told{
		"the digest fits":              same,
		"the digest is another body's": {other, "unknown: ", []string{"Content-Digest is not the hash of this body"}},
	})
}

// httpSigned returns a request with an HTTP message signature.
func httpSigned(secret []byte, text string) *core.Request {
	sum := sha256.Sum256([]byte(text))
	r := &core.Request{Method: http.MethodPost, URL: "/hook", Body: []byte(text), Header: http.Header{
		"Content-Type": {"application/json"}, "Content-Digest": {"sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"},
	}}
	params := `("@method" "@authority" "content-digest" "content-type");created=` + strconv.FormatInt(now.Unix(), 10)
	base := "\"@method\": POST\n\"@authority\": example.com\n\"content-digest\": " + r.Header.Get("Content-Digest") +
		"\n\"content-type\": application/json\n\"@signature-params\": " + params
	h := asMap(r.Header)
	h["Signature-Input"], h["Signature"] = []string{"sig1=" + params}, []string{"sig1=:" + base64MAC(string(secret), base) + ":"}
	return r
}

func httpInput(r *core.Request, secret []byte) input {
	return input{
		Config: &core.Config{Scheme: schemes.HTTPSignatures(schemes.SignatureProfile{URL: publicURL}), Clock: func() time.Time { return now }},
		Keys:   core.Secrets("hmac-sha256:" + base64.StdEncoding.EncodeToString(secret)), Request: r,
	}
}

// digested returns a request of Twilio with the digest of a body.
func digested(text, arrives string) input {
	sum := sha256.Sum256([]byte(text))
	target := "/hook?bodySHA256=" + hex.EncodeToString(sum[:])
	m := made("twilio")
	m.r.URL, m.r.Body = target, []byte(arrives)
	asMap(m.r.Header)["Content-Type"] = []string{"application/json"}
	asMap(m.r.Header)["X-Twilio-Signature"] = []string{base64.StdEncoding.EncodeToString(mac(sha1.New, freeSecret, "https://example.com"+target))}
	return m.input()
}

func withHeader(r *core.Request, change func(h http.Header)) *core.Request {
	change(asMap(r.Header))
	return r
}

func TestASignedDigestProvesTheSecretRightAndTheBodyChanged(t *testing.T) {
	t.Parallel()
	secret := []byte("a secret of thirty-two bytes !!!")
	changed := httpSigned(secret, `{"a":1,"b":"x"}`)
	changed.Body = []byte(`{"a":2,"b":"x"}`)
	formatted := httpSigned(secret, `{"a":1,"b":"x"}`)
	formatted.Body = []byte("{\n  \"a\": 1,\n  \"b\": \"x\"\n}")
	strange := httpSigned([]byte("another secret of thirty-two byt"), `{"a":1}`)
	strange.Body = []byte(`{"a":2}`)
	newline := httpInput(changed, secret)
	newline.Keys = core.SecretList(core.NewSecret("hmac-sha256:" + base64.StdEncoding.EncodeToString(secret) + "\n"))
	tell(t, map[string]told{
		"rfc9421, another body":                        {httpInput(changed, secret), "body-digest (proven): ", []string{"the secret is right"}},
		"rfc9421, a body that was formatted":           {httpInput(formatted, secret), "body-reformatted (proven): ", nil},
		"rfc9421, another body and a secret's newline": {newline, "body-digest and secret-newline (proven): ", nil},
		"rfc9421, another body and another secret":     {httpInput(strange, secret), "unknown: ", []string{"Content-Digest is not the hash of this body"}},
		"Twilio, another body":                         {digested(`{"a":1}`, `{"a":2}`), "body-digest (proven): ", []string{"the secret is right"}},
		"Twilio, a reformatted body":                   {digested(`{"a":1}`, `{"a": 1}`), "body-reformatted (proven): ", nil},
	})
}

func TestEveryDigestOfTheRegistryProvesItsSecretRight(t *testing.T) {
	t.Parallel()
	n := 0
	for _, name := range schemes.Names() {
		scheme, err := schemes.New(name, schemes.Settings{URL: publicURL, DangerouslyReplayable: true, Header: "X-Token"})
		if err != nil || core.FactsOf(scheme).Fetches {
			continue
		}
		for _, secret := range []string{standardSecret, freeSecret, hexSecret} {
			r := &core.Request{Method: http.MethodPost, URL: "/hook", Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(`{"id":"evt_1","a":"x"}`)}
			if schemes.Sign(scheme, r, "", now, secret) != nil {
				continue
			}
			r.Body = []byte(`{"id":"evt_1","a":"z"}`)
			a := new(core.Attempt)
			if scheme.ReadHeader(r, a) != nil || !errors.Is(scheme.ReadBody(r, a), core.ErrNoMatch) {
				break
			}
			n++
			e := input{Config: &core.Config{Scheme: scheme, Clock: func() time.Time { return now }}, Keys: core.Secrets(secret), Request: r}.explain(t.Context())
			if !strings.Contains(e.String(), "body-digest (proven): ") {
				t.Errorf("%s: %s", name, e)
			}
			break
		}
	}
	if n < 4 {
		t.Errorf("only %d schemes sign a digest", n)
	}
}

func TestAGETThatWasAPOSTIsNamed(t *testing.T) {
	t.Parallel()
	get := damage{after: func(m *message) { m.r.Method, m.r.Body = http.MethodGet, nil }}
	plain := damage{after: func(m *message) { delete(asMap(m.r.Header), "Content-Type") }}
	all := map[string]told{}
	for _, name := range []string{"standard", "github", "stripe", "slack", "shopify", "square", "hubspot", "discord"} {
		all[name+", without a content type, as node's fetch sends it"] = told{made(name, get, plain).input(), "method (seen): ", []string{"GET", "redirect"}}
		all[name+", with the headers of a cache"] = told{made(name, get).input(), "method (seen): ", nil}
	}
	form := made("twilio", damage{before: func(m *message) { m.address, m.r.URL = publicURL+"?a=1", "/hook?a=1" }}, get).input()
	form.Request.Header = http.Header{"X-Twilio-Signature": form.Request.Header.Values("X-Twilio-Signature"), "Content-Type": {"application/x-www-form-urlencoded"}}
	all["a form with a query, whose sender signs GETs too, with the content type"] = told{form, "method (seen): ", nil}
	head := made("github", get)
	head.r.Method = http.MethodHead
	all["HEAD"] = told{head.input(), "method (seen): ", []string{"HEAD"}}
	for name, reason := range map[string]core.Reason{"consumed": core.ErrBodyConsumed, "missing": core.ErrMissingHeader, "no match": core.ErrNoMatch} {
		refused := made("standard", get).input()
		refused.Err = &core.Error{Reason: reason}
		all["refused as "+name] = told{refused, "method (seen): ", nil}
	}
	tell(t, all)
}

func TestRewrittenJSONThatCannotBeRestoredIsSeen(t *testing.T) {
	t.Parallel()
	const eight = `{"zeta":1e3,"id":"e","type":"paid","amount":5,"customer":"c","email":"x@example.com","note":"n","at":7}`
	all := map[string]told{}
	for name, c := range map[string]struct {
		sent, arrives, want string
		also                []string
	}{
		"1e3 became 1000":                       {`{"n":1e3,"a":"b"}`, `{"n":1000,"a":"b"}`, "body-numbers (proven): ", nil},
		"1e-7 became 0.0000001":                 {`{"n":1e-7,"a":"b"}`, `{"n":0.0000001,"a":"b"}`, "body-numbers (proven): ", nil},
		"12E5 became 1200000":                   {`{"n":12E5,"a":"b"}`, `{"n":1200000,"a":"b"}`, "body-numbers (proven): ", nil},
		"twenty digits became zeros":            {`{"n":12345678901234567890}`, `{"n":12345678901234567000}`, "body-numbers (seen): ", []string{"float64"}},
		"eight members were sorted":             {eight, string(reserialised([]byte(eight))), "body-key-order (seen): ", []string{"sorted"}},
		"sorted by Go, with its escapes":        {`{"type":"a","note":"<b> & c","id":"e"}`, `{"id":"e","note":"\u003cb\u003e \u0026 c","type":"a"}`, "body-key-order and body-escapes (proven): ", nil},
		"sorted by Go, of a Python sender":      {`{"type": "a", "note": "<b>", "id": "e"}`, `{"id":"e","note":"\u003cb\u003e","type":"a"}`, "body-key-order and body-escapes and body-reformatted (proven): ", nil},
		"sorted by Go, of a PHP sender":         {`{"url":"https:\/\/a\/b","note":"\u00fc","id":"e"}`, `{"id":"e","note":"ü","url":"https://a/b"}`, "body-key-order and body-escapes (proven): ", nil},
		"JavaScript moves numbers to the front": {`{"b":1,"2":"x","1":"y"}`, `{"1":"y","2":"x","b":1}`, "body-key-order (proven): ", nil},
		"numbers at the front, in an object":    {`{"type":"t","data":{"id":"x","10":1,"7":2}}`, `{"type":"t","data":{"7":2,"10":1,"id":"x"}}`, "body-key-order (proven): ", nil},
		"Go's escapes, and another change":      {`{"type":"a","note":"<b>","a":1}`, `{"type":"a","note":"\u003cb\u003e","a":2}`, "body-escapes (seen): ", []string{"Go"}},
		"Python's spaces, and another change":   {`{"type":"a","note":"b","a":1}`, `{"type": "a", "note": "b", "a": 2}`, "body-reformatted (seen): ", []string{"Python"}},
		"a duplicate that JavaScript dropped":   {`{"a":1,"b":2,"a":3}`, `{"a":3,"b":2}`, "unknown: ", []string{"JavaScript writes it"}},
	} {
		all[name] = told{made("standard", body(c.sent), becomes(c.arrives)).input(), c.want, c.also}
	}
	longer := made("standard", body(`{"a":1,"b":[1,2],"a":3}`), becomes(`{"b":[1,2],"a":3}`))
	asMap(longer.r.Header).Set("Content-Length", "23")
	inflated := made("standard", body(`{"a":1,"b":[1,2],"a":3}`), becomes(`{"b":[1,2],"a":3}`))
	asMap(inflated.r.Header).Set("Content-Length", "45")
	asMap(inflated.r.Header).Set("Content-Encoding", "br")
	all["whole JSON of another length, which was decompressed"] = told{inflated.input(), "body-decompressed (seen): ", nil}
	all["whole JSON of another length than announced"] = told{longer.input(), "body-reformatted (seen): ", []string{"17 bytes", "23"}}
	tell(t, all)
}

func TestTheProviderThatTheHeadersNameIsNamed(t *testing.T) {
	t.Parallel()
	old := func(configured core.Scheme) input {
		m := made("github")
		h := asMap(m.r.Header)
		delete(h, "X-Hub-Signature-256")
		h["X-Hub-Signature"] = []string{"sha1=" + hex.EncodeToString(mac(sha1.New, freeSecret, jsonBody))}
		h["X-Github-Event"], h["X-Github-Delivery"] = []string{"push"}, []string{"72d3162e-cc78-11e3-81ab-4c9367dc0958"}
		m.scheme = configured
		return m.input()
	}
	tell(t, map[string]told{
		"GitHub's SHA-1 alone, at github":   {old(schemes.GitHub()), "header-missing (proven): ", []string{"X-Hub-Signature"}},
		"GitHub's SHA-1 alone, at standard": {old(core.StandardWebhooks{}), "other-scheme", []string{"github"}},
		"Slack at zoom":                     {made("slack", configured(schemes.Zoom())).input(), "other-scheme (proven): ", []string{"slack"}},
		"zoom at slack": {func() input {
			m := made("slack")
			h := asMap(m.r.Header)
			rename(h, "X-Slack-Signature", "X-Zm-Signature")
			rename(h, "X-Slack-Request-Timestamp", "X-Zm-Request-Timestamp")
			return m.input()
		}(), "other-scheme (proven): ", []string{"zoom"}},
	})
	for name, s := range map[string]core.Scheme{"slack": schemes.Zoom(), "github": schemes.GitHub()} {
		m := made(name, configured(s))
		if name == "github" {
			continue
		}
		if line := firstLine(m.input().explain(t.Context())); strings.Contains(line, "family") {
			t.Errorf("%s: %s", name, line)
		}
	}
}

// The verifier's own error must be where people look: in the log and on the first line.
func TestTheVerifiersErrorIsOnTheFirstLineAndInTheLog(t *testing.T) {
	t.Parallel()
	secret := []byte("a secret of thirty-two bytes !!!")
	uncovered := httpSigned(secret, `{"a":1}`)
	h := asMap(uncovered.Header)
	h["Signature-Input"] = []string{`sig1=("@method" "@authority" "content-digest");created=` + strconv.FormatInt(now.Unix(), 10)}
	in := httpInput(uncovered, secret)
	const says = `the signature does not cover "content-type"`
	tell(t, map[string]told{
		"rfc9421, content-type is not covered": {in, "unknown: malformed: ", []string{says}},
		"Twilio, the body is not a form": {made("twilio", becomes(`[1]`), header("", func(h http.Header) {
			h["Content-Type"] = []string{"application/json"}
		})).input(), "unknown: malformed: ", []string{"the body is not a form"}},
		"another secret": {
			made("standard", damage{after: func(m *message) { m.configured = []core.Secret{core.NewSecret(otherSecret)} }}).input(),
			"unknown: the signature does not match the key",
			[]string{"no-match: no signature matches these bytes"},
		},
	})
	log := new(logged)
	v := in.verifier()
	_, err := v.Verify(t.Context(), uncovered)
	refusal, _ := err.(*core.Error) //nolint:errorlint // what the adapters have
	explain.Hook(slog.New(slog.NewTextHandler(log, nil)), nil)(context.Background(), core.Refused{Verifier: v, Request: uncovered, Err: refusal})
	if !strings.Contains(log.String(), `does not cover`) || strings.Count(log.String(), "\n") != 1 {
		t.Errorf("the log has %s", log)
	}
}

func TestAMissingOrCutHeaderIsNamed(t *testing.T) {
	t.Parallel()
	secret := []byte("a secret of thirty-two bytes !!!")
	without := func(name string) input {
		return httpInput(withHeader(httpSigned(secret, `{"a":1}`), func(h http.Header) { delete(h, name) }), secret)
	}
	stripe := func(change func(v string) string) input {
		return made("stripe", header("", func(h http.Header) { h["Stripe-Signature"] = []string{change(h["Stripe-Signature"][0])} })).input()
	}
	token := made("github", header("", func(h http.Header) { delete(h, "X-Hub-Signature-256") }))
	token.scheme = schemes.DangerouslyReplayableToken("token", "X-Gitlab-Token", "")
	in := token.input()
	in.Config.DangerouslyReplayableAfterRestart = true
	tell(t, map[string]told{
		"rfc9421, Signature":                      {without("Signature"), "header-missing (seen): ", []string{"Signature"}},
		"rfc9421, Signature-Input":                {without("Signature-Input"), "header-missing (seen): ", []string{"Signature-Input"}},
		"rfc9421, Content-Digest":                 {without("Content-Digest"), "header-missing (seen): ", []string{"Content-Digest"}},
		"rfc9421, Content-Type, which is covered": {without("Content-Type"), "header-missing (seen): ", []string{"Content-Type"}},
		"a token":                  {in, "header-missing (seen): ", []string{"X-Gitlab-Token"}},
		"Stripe, cut at the comma": {stripe(func(v string) string { return v[:strings.IndexByte(v, ',')] }), "signature-cut (seen): ", []string{"cut off at its comma"}},
		"Stripe, v1 alone":         {stripe(func(v string) string { return v[strings.IndexByte(v, ',')+1:] }), "signature-cut (seen): ", []string{"timestamp"}},
		"Contentful, its list split at the commas": {made("contentful", header("", func(h http.Header) {
			h["X-Contentful-Signed-Headers"] = strings.Split(h["X-Contentful-Signed-Headers"][0], ",")
		})).input(), "header-folded (proven): ", []string{"split at its commas"}},
		"signatures of unknown versions only": {made("standard", header("", func(h http.Header) {
			h["Webhook-Signature"] = []string{strings.Replace(h["Webhook-Signature"][0], "v1,", "v2,", 1)[:40] + " v3,abcdef"}
		})).input(), "signature-label (seen): ", []string{"v2, v3"}},
	})
}

func TestABodyFromALogIsNamed(t *testing.T) {
	t.Parallel()
	const plain = `{"type":"paid","note":"Größe \"x\" <b> & 'y'","list":[1,2]}`
	var hexEscaped, python strings.Builder
	for _, c := range []byte(plain) {
		switch {
		case c == '"' || c == '\\' || c < ' ' || c > '~':
			fmt.Fprintf(&hexEscaped, `\x%02X`, c)
		default:
			hexEscaped.WriteByte(c)
		}
	}
	for _, c := range []byte(plain) {
		switch {
		case c == '\'' || c == '\\':
			python.WriteString("\\" + string(c))
		case c > '~':
			fmt.Fprintf(&python, `\x%02x`, c)
		default:
			python.WriteByte(c)
		}
	}
	quoted, err := json.Marshal(plain)
	if err != nil {
		t.Fatal(err)
	}
	buffer, list := []string{}, fmt.Sprintf("%d", []byte(plain))
	for _, c := range []byte(plain) {
		buffer = append(buffer, strconv.Itoa(int(c)))
	}
	all := map[string]told{}
	for name, arrives := range map[string]string{
		"nginx": hexEscaped.String(), "nginx with escape=json": string(quoted[1 : len(quoted)-1]), "Python": "b'" + python.String() + "'",
		"HTML entities": strings.NewReplacer("&", "&amp;", `"`, "&quot;", "<", "&lt;", ">", "&gt;", "'", "&#39;").Replace(plain),
		"hexadecimal":   hex.EncodeToString([]byte(plain)), "hexadecimal of PostgreSQL": `\x` + hex.EncodeToString([]byte(plain)),
		"percent-encoded": url.QueryEscape(plain), "percent-encoded as JavaScript does": url.PathEscape(plain),
		"a Buffer as JSON": `{"type":"Buffer","data":[` + strings.Join(buffer, ",") + `]}`, "the bytes as Go prints them": list,
	} {
		all[name] = told{made("standard", body(plain), becomes(arrives)).input(), "body-logged (proven): ", nil}
	}
	for _, text := range []string{"[object Object]", "{}", "undefined", "None", "map[a:1]", "{'a': 1}", `{"a"=>1}`, "<Buffer 7b 22 61>"} {
		all[text] = told{made("standard", becomes(text)).input(), "body-parsed (seen): ", nil}
	}
	form := func(h http.Header) { h["Content-Type"] = []string{"application/x-www-form-urlencoded"} }
	slack := body("token=x&command=%2Fweather&text=94070+a")
	all["a form that became JSON"] = told{made("slack", slack, becomes(`{"token":"x","command":"/weather","text":"94070 a"}`)).input(), "body-form (proven): ", nil}
	all["a form that became JSON under the type of forms"] = told{
		made("github", becomes(`{"a":"b","c":1}`), header("", form)).input(), "body-form (seen): ", []string{"Content-Type"},
	}
	all["a form of Twilio that became JSON"] = told{made("twilio", becomes(`{"MessageSid":"SM42","To":"+18"}`), header("", func(h http.Header) {
		h["Content-Type"] = []string{"application/json"}
	})).input(), "body-form (seen): ", nil}
	const part = "--------------------------d74496d66958873e\r\nContent-Disposition: form-data; name=\"payload\"\r\n\r\n%s\r\n--------------------------d74496d66958873e--\r\n"
	all["curl -F"] = told{made("standard", body(plain), becomes(fmt.Sprintf(part, plain))).input(), "body-wrapped (proven): ", []string{"curl -F"}}
	all["curl -F of another body"] = told{made("standard", body(plain), becomes(fmt.Sprintf(part, "x"))).input(), "body-wrapped (seen): ", []string{"curl -F"}}
	for _, indent := range []string{"  ", "    ", "\t"} {
		file := string(indented(indent)([]byte(plain))) + "\n"
		all["curl -d @FILE, indented by "+strconv.Quote(indent)] = told{
			made("standard", body(file), becomes(strings.ReplaceAll(file, "\n", ""))).input(), "body-line-ends (proven): ", []string{"--data-binary"},
		}
	}
	tell(t, all)
}

const topic = "arn:aws:sns:eu-central-1:123456789012:orders"

func envelope(t *testing.T, change map[string]any) string {
	t.Helper()
	m := map[string]any{
		"Type": "Notification", "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324", "TopicArn": topic, "Message": "hello",
		"Timestamp": now.Format("2006-01-02T15:04:05.000Z"), "SignatureVersion": "2", "Signature": strings.Repeat("QUJD", 85) + "QQ==",
		"SigningCertURL": "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
	}
	maps.Copy(m, change)
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestWhatSNSWritesIntoItsEnvelopeIsSeen(t *testing.T) {
	t.Parallel()
	sns := func(text string, change func(h http.Header)) input {
		r := &core.Request{Method: http.MethodPost, URL: "/hook", Header: http.Header{"X-Amz-Sns-Message-Type": {"Notification"}}, Body: []byte(text)}
		if change != nil {
			change(asMap(r.Header))
		}
		return input{
			Config: &core.Config{Scheme: schemes.SNS(schemes.SNSOptions{Client: &http.Client{Transport: unreachable{t}}}), Clock: func() time.Time { return now }},
			Keys:   core.Secrets(topic), Request: r,
		}
	}
	confirm := map[string]any{
		"Type": "SubscriptionConfirmation", "Token": "2336412f37fb687f5d51e6e2425c464cefc3029d36d5ce50",
		"SubscribeURL": "https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription",
	}
	paypal := &core.Request{Method: http.MethodPost, URL: "/hook", Body: []byte(`{"id":"WH-1"}`), Header: http.Header{
		"Paypal-Transmission-Id": {"7fdd8b60"}, "Paypal-Transmission-Time": {now.Format(time.RFC3339)}, "Paypal-Transmission-Sig": {"QUJD"},
		"Paypal-Cert-Url": {"https://api.paypal.com/v1/notifications/certs/CERT-1"}, "Paypal-Auth-Algo": {"SHA256withRSA"},
	}}
	elsewhere := func(r *core.Request, scheme core.Scheme, secret string) input {
		return input{Config: &core.Config{Scheme: scheme, Clock: func() time.Time { return now }}, Keys: core.Secrets(secret), Request: r}
	}
	tell(t, map[string]told{
		"raw delivery, as its header says": {sns(`{"order":1}`, func(h http.Header) { h["X-Amz-Sns-Rawdelivery"] = []string{"true"} }), "body-wrapped (seen): ", []string{"raw message delivery"}},
		"raw delivery, as the body shows":  {sns(`{"order":1}`, nil), "body-wrapped (seen): ", []string{"raw message delivery"}},
		"another topic":                    {sns(envelope(t, map[string]any{"TopicArn": strings.Replace(topic, "orders", "refunds", 1)}), nil), "other-key (seen): ", []string{"a different name"}},
		"another region":                   {sns(envelope(t, map[string]any{"TopicArn": strings.Replace(topic, "eu-central-1", "us-east-1", 1)}), nil), "other-key (seen): ", []string{"a different region"}},
		"a confirmation":                   {sns(envelope(t, confirm), nil), "unconfirmed (seen): ", []string{"subscription"}},
		"an old message":                   {sns(envelope(t, map[string]any{"Timestamp": "2025-10-08T08:07:06.000Z"}), nil), "timestamp-past (seen): ", []string{"24h0m0s"}},
		"a stranger's certificate": {
			sns(envelope(t, map[string]any{"SigningCertURL": "https://sns.us-east-1.amazonaws.com/x.pem"}), nil),
			"other-key (seen): ",
			[]string{"certificate"},
		},
		"a certificate at a host that begins as that of SNS": {
			sns(envelope(t, map[string]any{"SigningCertURL": "https://sns.eu-central-1.amazonaws.com.example/x.pem"}), nil),
			"other-key (seen): ",
			[]string{"certificate"},
		},
		"nothing wrong that can be seen": {sns(envelope(t, nil), nil), "not-tried: ", nil},
		"SNS at standard": {elsewhere(&core.Request{Method: http.MethodPost, URL: "/hook", Body: []byte(envelope(t, nil)), Header: http.Header{
			"X-Amz-Sns-Message-Type": {"Notification"}, "X-Amz-Sns-Topic-Arn": {topic},
		}}, core.StandardWebhooks{}, standardSecret), "other-scheme (seen): ", []string{"sns"}},
		"PayPal at standard": {elsewhere(paypal, core.StandardWebhooks{}, standardSecret), "other-scheme (seen): ", []string{"paypal"}},
		"PayPal at stripe":   {elsewhere(paypal, schemes.Stripe(), freeSecret), "other-scheme (seen): ", []string{"paypal"}},
	})
}

func TestRareMistakesAreNamed(t *testing.T) {
	t.Parallel()
	aged := func(d time.Duration) input {
		return made("standard", damage{before: func(m *message) { m.at = now.Add(-d) }}, arrive("", replace("evt", "xyz"))).input()
	}
	zoned := func(d time.Duration) input {
		return made("standard", damage{before: func(m *message) { m.at = now.Add(-d) }}).input()
	}
	pasted := func(name, secret string) input {
		return made(name, configure("", func(string) string { return secret })).input()
	}
	limited := made("standard")
	limited.err = &core.Error{Reason: core.ErrBodyTooLarge, Err: &http.MaxBytesError{Limit: 4096}}
	limited.r.Body = bytes.Repeat([]byte("x"), 4096)
	left := made("standard", becomes(`{"a"`))
	left.err = &core.Error{Reason: core.ErrBodyConsumed}
	tell(t, map[string]told{
		"old and of another body":       {aged(3 * time.Hour), "unknown: outside-window: ", []string{"3h0m0s old", "5m0s are allowed"}},
		"ahead and of another body":     {aged(-time.Hour), "unknown: outside-window: ", []string{"1h0m0s ahead"}},
		"a limit upstream":              {limited.input(), "body-too-large", []string{"upstream", "4096"}},
		"four of seven bytes are left":  {left.input(), "body-consumed", []string{"4 bytes are left"}},
		"India's time zone":             {zoned(5*time.Hour + 30*time.Minute), "timestamp-past (proven): ", []string{"time zone"}},
		"Nepal's time zone":             {zoned(5*time.Hour + 45*time.Minute), "timestamp-past (proven): ", []string{"time zone"}},
		"an endpoint's id, at stripe":   {pasted("stripe", "we_1NG8Du2eZvKYlo2CUI79vXWy"), "secret-kind (seen): ", []string{"id of a Stripe endpoint"}},
		"an endpoint's id, at standard": {pasted("standard", "ep_2tVqQNoBzGJ4YXoE8cRkW1"), "secret-kind (seen): ", []string{"id of an endpoint"}},
		"a URL":                         {pasted("github", "https://example.com/hook"), "secret-kind (seen): ", []string{"URL"}},
		"a token of GitHub":             {pasted("github", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"), "secret-kind (seen): ", []string{"access token"}},
		"a token of Slack":              {pasted("slack", "xoxb-17653672481-19874698323-pdFZKVeTuE8sk7oOcHrzqqgy"), "secret-kind (seen): ", []string{"signing secret"}},
		"the id of Twilio's account":    {pasted("twilio", "AC"+strings.Repeat("0f", 16)), "secret-kind (seen): ", []string{"auth token"}},
		"an unpadded secret, proven":    {pasted("standard", strings.TrimRight(standardSecret, "=")), "secret-base64 (proven): ", []string{`lacks the padding "="`}},
		"an unpadded secret of two, and another body": {made("standard", configure("", func(string) string {
			return "whsec_" + strings.TrimRight(base64.StdEncoding.EncodeToString([]byte("a secret of 25 characters")), "=")
		})).input(), "secret-base64 (seen): ", []string{`lacks the padding "=="`}},
	})
	if line := firstLine(zoned(5*time.Hour + 40*time.Minute).explain(t.Context())); strings.Contains(line, "zone") {
		t.Errorf("no time zone: %s", line)
	}
}
