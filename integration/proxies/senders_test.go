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
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
)

// public is where the senders believe that they send to.
const public = "https://hooks.example"

// sender signs as one kind of sender does.
type sender struct {
	name   string
	secret string // the receiver's
	// scheme is the receiver's, for an endpoint at this address.
	scheme func(address string) (core.Scheme, error)
	// signs says what the signature covers beside the body and its own headers.
	signsURL, signsHeaders bool
	sign                   func(t *testing.T, r *core.Request, now time.Time)
}

// senders are one of each kind: what is signed, and where it stands.
func senders() []sender {
	named := func(name string, secret string) sender {
		s := sender{name: name, secret: secret, signsURL: name == "twilio" || name == "square"}
		s.scheme = func(address string) (core.Scheme, error) {
			return schemes.New(name, schemes.Settings{URL: address, DangerouslyReplayable: name == "token", Header: headerOf(name)})
		}
		s.sign = func(t *testing.T, r *core.Request, now time.Time) {
			t.Helper()
			scheme, err := s.scheme(public + r.URL)
			if err == nil {
				err = schemes.Sign(scheme, r, "", now, secret)
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		return s
	}
	standard := core.GenerateSecret()
	seed := sha256.Sum256([]byte("a key of Discord's for this test"))
	private := ed25519.NewKeyFromSeed(seed[:])
	discord := named("discord", hex.EncodeToString(private.Public().(ed25519.PublicKey)))
	discord.sign = func(_ *testing.T, r *core.Request, now time.Time) {
		stamp := strconv.FormatInt(now.Unix(), 10)
		set(r, "X-Signature-Timestamp", stamp)
		set(r, "X-Signature-Ed25519", hex.EncodeToString(ed25519.Sign(private, append([]byte(stamp), r.Body...))))
	}
	mac := bytes.Repeat([]byte("k7"), 16)
	rfc9421 := named("rfc9421", "hmac-sha256:"+base64.StdEncoding.EncodeToString(mac))
	rfc9421.signsURL, rfc9421.signsHeaders = true, true
	rfc9421.sign = func(_ *testing.T, r *core.Request, now time.Time) { signMessage(r, mac, now) }
	token := named("token", "tok_4Q7rVb2nXk9wTz0sHd61")
	token.sign = func(_ *testing.T, r *core.Request, _ time.Time) { set(r, "X-Webhook-Token", token.secret) }
	svix := named("svix", standard)
	svix.sign = func(t *testing.T, r *core.Request, now time.Time) {
		t.Helper()
		named("standard", standard).sign(t, r, now)
		h := r.Header.(http.Header)
		for _, part := range []string{"Id", "Timestamp", "Signature"} {
			h["Svix-"+part] = h["Webhook-"+part]
			delete(h, "Webhook-"+part)
		}
	}
	return []sender{
		named("standard", standard), svix, named("github", "9f2c7be1d04a4f6b"), named("stripe", "whsec_Zk3vQ8yT1nB6mX0c"),
		named("slack", "8f742231b10e8888abcd99yyyzzz85a5"), named("twilio", "0a1b2c3d4e5f60718293a4b5c6d7e8f9"),
		named("square", "Uw3kT9pQz5YbNc1x"), discord, rfc9421, token,
	}
}

func headerOf(name string) string {
	if name == "token" {
		return "X-Webhook-Token"
	}
	return ""
}

func set(r *core.Request, name, value string) { r.Header.(http.Header).Set(name, value) }

// signMessage signs as RFC 9421 has it, with the digest of RFC 9530.
func signMessage(r *core.Request, key []byte, now time.Time) {
	sum := sha256.Sum256(r.Body)
	digest := "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
	set(r, "Content-Digest", digest)
	u, _ := url.Parse(public + r.URL)
	parameters := fmt.Sprintf(`("@method" "@target-uri" "content-type" "content-digest");created=%d`, now.Unix())
	base := fmt.Sprintf("\"@method\": %s\n\"@target-uri\": %s\n\"content-type\": %s\n\"content-digest\": %s\n\"@signature-params\": %s",
		r.Method, u.String(), r.Header.Get("Content-Type"), digest, parameters)
	m := hmac.New(sha256.New, key)
	m.Write([]byte(base))
	set(r, "Signature-Input", "sig1="+parameters)
	set(r, "Signature", "sig1=:"+base64.StdEncoding.EncodeToString(m.Sum(nil))+":")
}

// shape is a kind of request that senders make.
type shape struct {
	name    string
	target  string
	body    []byte
	kind    string // Content-Type
	header  http.Header
	chunked bool
	large   bool // over the limit of the receiver: only what the sender is told counts
}

const json = `{"type":"order.paid","event_id":"evt_%d","total":12.50,"note":"caf\u00e9 <b> \/ é","lines":[{"z":1,"a":1e3}]}`

func shapes() []shape {
	var squeezed bytes.Buffer
	z := gzip.NewWriter(&squeezed)
	_, _ = z.Write([]byte(json))
	_ = z.Close()
	of := func(name, target string) shape {
		return shape{name: name, target: target, body: []byte(json), kind: "application/json"}
	}
	form, long, huge, chunks, packed, expect := of("a form", "/hook"), of("64 KiB", "/hook"), of("2 MiB", "/hook"), of("chunked", "/hook"), of("gzip", "/hook"), of("Expect", "/hook")
	form.body, form.kind = []byte("event_id=evt_%d&To=%2B15551234&Body=a+b%20c&From="), "application/x-www-form-urlencoded"
	pad := `{"event_id":"evt_%d","pad":"` + strings.Repeat("x", 64<<10) + `"}`
	long.body = []byte(pad)
	huge.body, huge.large = []byte(`{"event_id":"evt_%d","pad":"`+strings.Repeat("x", 2<<20)+`"}`), true
	chunks.chunked = true
	packed.body, packed.header = squeezed.Bytes(), http.Header{"Content-Encoding": {"gzip"}}
	expect.header = http.Header{"Expect": {"100-continue"}}
	return []shape{
		of("plain", "/hook"),
		of("a query", "/hook?b=2&a=1&x=%20+~&a=%7e"),
		of("an empty query", "/hook?"),
		of("escapes in the path", "/hook/%7Euser/a%2Fb"),
		of("two slashes", "/hook//a"),
		form, long, huge, chunks, packed, expect,
	}
}
