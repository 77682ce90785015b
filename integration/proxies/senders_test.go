package proxies_test

import (
	"bytes"
	"compress/gzip"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
)

// public is the address that the senders believe to send to.
const public = "https://hooks.example"

// What a signature covers, beside its own headers.
const (
	signsNothing   = "nothing"
	signsBody      = "the body"
	signsValues    = "values of the body"
	signsParameter = "a parameter of the query"
	signsURL       = "the URL"       // and the body; the receiver may take path and query from the request
	signsWhole     = "the whole URL" // and the body; the receiver is given the URL as it is registered
	signsMessage   = "the message"   // method, URL, Content-Type and the body's digest
)

// sender signs as one kind of sender does.
type sender struct {
	name, signs string
	secret      string // the receiver's
	// scheme is the receiver's, for the public address of its endpoint.
	scheme func(address string) (core.Scheme, error)
	sign   func(r *core.Request, now time.Time) error
	any    bool // sends other bodies than JSON too: it has no id in there
	// only are the shapes that it sends, each to one of the frameworks. Nil: all, to
	// both.
	only  []string
	begin string // of its JSON, up to where a shape goes on; empty: as the shape has it
	form  bool   // sends forms alone
}

// brief reports whether a sender sends a part of the shapes.
func (s *sender) brief() bool { return s.only != nil }

// signsAddress reports whether the receiver gives the scheme a URL.
func (s *sender) signsAddress() bool {
	return s.signs == signsURL || s.signs == signsWhole || s.signs == signsMessage
}

// address is the public one that the receiver gives the scheme: the origin of the
// target, or the whole if the scheme needs that or if it is the cure.
func (s *sender) address(target string, whole bool) string {
	if whole || s.signs == signsWhole {
		return public + target
	}
	return public
}

// senders are the representatives, and behind them every other name.
var senders = sync.OnceValue(func() []sender {
	return slices.Concat(representatives(), registered().senders)
})

const standardSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// representatives are one or more of each kind: what is signed, and where the
// signature is. They send every shape.
func representatives() []sender {
	named := func(name, signs, secret string, anyBody bool) sender {
		scheme := func(address string) (core.Scheme, error) { return schemes.New(name, schemes.Settings{URL: address}) }
		s := sender{name: name, signs: signs, secret: secret, scheme: scheme, any: anyBody}
		s.sign = s.signWith(secret)
		return s
	}
	svix := named("svix", signsBody, standardSecret, false)
	svix.sign = func(r *core.Request, now time.Time) error {
		err := schemes.Sign(core.StandardWebhooks{}, r, "", now, standardSecret)
		h := headers(r)
		for _, part := range []string{"Id", "Timestamp", "Signature"} {
			h["Svix-"+part] = h["Webhook-"+part]
			delete(h, "Webhook-"+part)
		}
		return err
	}
	// In a rotation some senders write a line for each secret. The receiver has the second.
	rotating := named("standard in two lines", signsBody, standardSecret, true)
	rotating.scheme = func(string) (core.Scheme, error) { return core.StandardWebhooks{}, nil }
	rotating.sign = func(r *core.Request, now time.Time) error {
		err := schemes.Sign(core.StandardWebhooks{}, r, "", now, "whsec_Zk3vQ8yT1nB6mX0cZk3vQ8yT1nB6mX0c", standardSecret)
		h := headers(r)
		h["Webhook-Signature"] = strings.Split(h.Get("Webhook-Signature"), " ")
		return err
	}
	seed := sha256.Sum256([]byte("a key of Discord's for this test"))
	private := ed25519.NewKeyFromSeed(seed[:])
	const publicKey = ed25519.SeedSize // behind the seed
	discord := named("discord", signsBody, hex.EncodeToString(private[publicKey:]), false)
	discord.sign = func(r *core.Request, now time.Time) error {
		stamp := strconv.FormatInt(now.Unix(), 10)
		headers(r).Set("X-Signature-Timestamp", stamp)
		headers(r).Set("X-Signature-Ed25519", hex.EncodeToString(ed25519.Sign(private, append([]byte(stamp), r.Body...))))
		return nil
	}
	underscored := named("a header with `_`", signsBody, "9f2c7be1d04a4f6b", true)
	underscored.scheme = func(string) (core.Scheme, error) {
		return schemes.Template{Name: "underscored", Signature: schemes.Header("X_Signature"), Content: "{body}"}.Scheme()
	}
	underscored.sign = underscored.signWith(underscored.secret)
	rfc9421 := named("rfc9421", signsMessage, "hmac-sha256:"+base64.StdEncoding.EncodeToString([]byte(standardSecret)), true)
	rfc9421.sign = signMessage
	bearer := named("a token in `Authorization`", signsNothing, "tok_4Q7rVb2nXk9wTz0sHd61", true)
	bearer.scheme = func(string) (core.Scheme, error) {
		return schemes.DangerouslyReplayableToken("bearer", "Authorization", "Bearer "), nil
	}
	bearer.sign = func(r *core.Request, _ time.Time) error {
		headers(r).Set("Authorization", "Bearer "+bearer.secret)
		return nil
	}
	return []sender{
		named("standard", signsBody, standardSecret, true), rotating, svix, named("github", signsBody, "9f2c7be1d04a4f6b", true),
		named("stripe", signsBody, "whsec_Zk3vQ8yT1nB6mX0c", false), named("slack", signsBody, "8f742231b10e8888abcd99yyyzzz85a5", true),
		discord, underscored,
		named("twilio", signsURL, "0a1b2c3d4e5f60718293a4b5c6d7e8f9", true), named("square", signsWhole, "Uw3kT9pQz5YbNc1x", false),
		named("hubspot", signsWhole, "5f3a0c1e-7b2d-4a86", false), named("trello", signsWhole, "2b8e4c6d9f1a3e5c", false),
		named("messagebird", signsWhole, "Q1w2E3r4T5y6U7i8", false), named("contentful", signsURL, strings.Repeat("0a1b2c3d", 8), false),
		rfc9421, bearer,
	}
}

func (s *sender) signWith(secret string) func(*core.Request, time.Time) error {
	return func(r *core.Request, now time.Time) error {
		scheme, err := s.scheme(s.address(r.URL, false))
		if err != nil {
			return err
		}
		return schemes.Sign(scheme, r, "", now, secret)
	}
}

func headers(r *core.Request) http.Header {
	h, _ := r.Header.(http.Header)
	return h
}

// signMessage signs as RFC 9421 has it, with the digest of RFC 9530.
func signMessage(r *core.Request, now time.Time) error {
	sum := sha256.Sum256(r.Body)
	digest := "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
	parameters := fmt.Sprintf(`("@method" "@target-uri" "content-type" "content-digest");created=%d`, now.Unix())
	m := hmac.New(sha256.New, []byte(standardSecret))
	fmt.Fprintf(m, "\"@method\": %s\n\"@target-uri\": %s\n\"content-type\": %s\n\"content-digest\": %s\n\"@signature-params\": %s",
		r.Method, public+r.URL, r.Header.Get("Content-Type"), digest, parameters)
	h := headers(r)
	h.Set("Content-Digest", digest)
	h.Set("Signature-Input", "sig1="+parameters)
	h.Set("Signature", "sig1=:"+base64.StdEncoding.EncodeToString(m.Sum(nil))+":")
	return nil
}

// shape is one kind of request that senders make.
type shape struct {
	name, target string
	body         string // %d becomes the number of the event
	header       http.Header
	encode       func(body []byte) []byte
	framing      bool // what is unusual is not what is signed
	form         bool
	chunked      bool
	trailer      bool
}

// sentBy reports whether a sender makes such requests.
func (s *shape) sentBy(who *sender) bool {
	if who.name == "twilio" && strings.HasSuffix(s.target, "?") {
		return false // its query is never empty: the body's digest is in it
	}
	if s.framing && !slices.Contains([]string{"standard", "standard in two lines", "twilio", "square", "rfc9421"}, who.name) {
		return false // one of each kind will do
	}
	if who.brief() {
		return slices.Contains(who.only, s.name)
	}
	return who.any || !s.form && s.encode == nil
}

const (
	compact   = `{"id":"evt_%d","event_id":"evt_%d","topic":"order.paid","lines":[{"z":1,"a":2}]}`
	escapes   = "escapes in the path"
	oddForm   = "form at an odd address"
	slashes   = "// in the path"
	dots      = "/./ in the path"
	jsonOfPHP = "JSON of PHP"
	form      = "event_id=evt_%d&To=%2B15551234&Body=a+b%20c&From="
)

var shapes = sync.OnceValue(func() []shape {
	at := func(name, target string) shape { return shape{name: name, target: target, body: compact} }
	of := func(name, body string) shape { return shape{name: name, target: "/hook", body: body} }
	large := func(n int) string {
		return `{"id":"evt_%d","event_id":"evt_%d","pad":"` + strings.Repeat("x", n) + `"}`
	}
	all := []shape{
		at("plain", "/hook"),
		at("query", "/hook?b=2&a=1&x=%20+~&a=%7e"),
		at("empty query", "/hook?"),
		at(escapes, "/hook/%7Euser/caf%c3%a9"),
		at("%2F in the path", "/hook/a%2Fb"),
		at(slashes, "/hook//a"),
		at(dots, "/hook/./a"),
		of("JSON of Python", `{"id": "evt_%d", "event_id": "evt_%d", "note": "caf\u00e9", "lines": [1, 2]}`),
		of(jsonOfPHP, `{"id":"evt_%d","event_id":"evt_%d","url":"https:\/\/shop.example\/a","note":"caf\u00e9"}`),
		of("JSON of Go", `{"event_id":"evt_%d","id":"evt_%d","note":"\u003cb\u003e \u0026"}`),
		of("JSON with 1.50", `{"id":"evt_%d","event_id":"evt_%d","total":12.50}`),
		of("JSON with 1e3", `{"id":"evt_%d","event_id":"evt_%d","total":1e3,"order":12345678901234567890}`),
		of("form", form),
		{name: oddForm, target: "/hook/%7Euser/caf%c3%a9?b=2&a=1&x=%20+~&a=%7e", body: form},
		of("64 KiB", large(64<<10)),
		of("1.5 MiB", large(3<<19)),
		of("chunked", compact),
		of("trailer", compact),
		of("gzip", compact),
		of("Expect", compact),
		of("16 KiB of headers", compact),
	}
	for i := range all {
		s := &all[i]
		s.framing = slices.Contains([]string{"64 KiB", "1.5 MiB", "chunked", "trailer", "Expect", "16 KiB of headers"}, s.name)
		switch s.name {
		case "form", oddForm:
			s.form = true
		case "chunked":
			s.chunked = true
		case "trailer":
			s.chunked, s.trailer = true, true
		case "gzip":
			s.encode, s.header = squeeze, http.Header{"Content-Encoding": {"gzip"}}
		case "Expect":
			s.header = http.Header{"Expect": {"100-continue"}}
		case "16 KiB of headers":
			s.header = http.Header{"X-Trace": {strings.Repeat("t", 16<<10)}}
		}
	}
	return all
})

// request is the one of a shape, for one event of a sender and not yet signed.
func (s *shape) request(who *sender, event int) *core.Request {
	r := &core.Request{Method: http.MethodPost, URL: s.target, Header: make(http.Header)}
	const number = `"evt_%d"`
	body := s.body
	if i := strings.LastIndex(body, number); who.begin != "" && i >= 0 {
		body = who.begin + body[i+len(number):]
	}
	r.Body = []byte(strings.ReplaceAll(body, "evt_%d", "evt_"+strconv.Itoa(event)))
	if s.encode != nil {
		r.Body = s.encode(r.Body)
	}
	h := headers(r)
	maps.Copy(h, s.header)
	h.Set("Content-Type", "application/json")
	if s.form {
		h.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return r
}

func squeeze(body []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(body)
	_ = z.Close()
	return b.Bytes()
}
