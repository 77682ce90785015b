package sdks_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
	"github.com/hookonce/hookonce/stores/memstore"
)

// public is the address of the endpoint as registered at the sender.
const public = "https://example.com/hook"

// request is a request as both judges see it.
type request struct {
	Sender  string            `json:"sender"`
	Secret  string            `json:"secret"`
	URL     string            `json:"url"` // absolute
	Headers map[string]string `json:"headers"`
	Body    []byte            `json:"body"`
}

func (r request) clone() request {
	r.Headers = maps.Clone(r.Headers)
	r.Body = bytes.Clone(r.Body)
	return r
}

// ours returns r as hookonce receives it.
func (r request) ours() *core.Request {
	h := make(http.Header)
	for name, value := range r.Headers {
		h.Set(name, value)
	}
	target := r.URL
	if u, err := url.Parse(r.URL); err == nil {
		target = u.RequestURI()
	}
	return &core.Request{Method: http.MethodPost, URL: target, Header: h, Body: r.Body}
}

// take copies what was signed into r.
func (r request) take(signed *core.Request, at time.Time) request {
	r.Headers = make(map[string]string)
	header, _ := signed.Header.(http.Header)
	for name := range header {
		r.Headers[name] = header.Get(name)
	}
	if r.Sender == "lettermint" {
		r.Headers["X-Lettermint-Delivery"] = seconds(at) // which it says twice
	}
	origin, _ := url.Parse(public)
	r.URL, r.Body = origin.Scheme+"://"+origin.Host+signed.URL, signed.Body
	return r
}

// schemeOf returns the scheme of a sender, with all settings that it may need.
func schemeOf(t testing.TB, sender string) core.Scheme {
	t.Helper()
	scheme, err := schemes.New(sender, schemes.Settings{
		URL: public, Audience: public, Header: "X-Event-Id", DangerouslyReplayable: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return scheme
}

// accepts returns the verdict of hookonce, and the reason.
func accepts(t testing.TB, r request) (bool, error) {
	t.Helper()
	v, err := core.New(core.Secrets(r.Secret), memstore.New(), &core.Config{
		Scheme: schemeOf(t, r.Sender), DangerouslyReplayableAfterRestart: true,
	})
	if err != nil {
		t.Fatalf("%s: %v", r.Sender, err)
	}
	_, err = v.Verify(t.Context(), r.ours())
	if errors.Is(err, core.ErrMisconfigured) || errors.Is(err, core.ErrKeysUnavailable) {
		t.Fatalf("%s: %v", r.Sender, err)
	}
	return err == nil, err
}

// secrets returns a sender's own secret and another one's. If the sender has a private key, they
// are public keys.
func secrets(t testing.TB, sender string) (mine, other string) {
	t.Helper()
	if p, ok := privateSenders()[sender]; ok {
		return p.keys()[0].public, p.keys()[1].public
	}
	hexKey, hexOther := strings.Repeat("1f", 32), strings.Repeat("e2", 32)
	if sender == "braintree" {
		return "public:" + hexKey, "public:" + hexOther
	}
	if schemeOf(t, sender).Name() == "standard" || sender == "finch" {
		key := func(text string) string { return "whsec_" + base64.StdEncoding.EncodeToString([]byte(text)[:32]) }
		mine, other = key(hexKey), key(hexOther)
		if sender == "finch" {
			return strings.TrimPrefix(mine, "whsec_"), strings.TrimPrefix(other, "whsec_")
		}
		return mine, other
	}
	return hexKey, hexOther
}

// errUnsigned: this sender cannot sign such a message.
var errUnsigned = errors.New("cannot be signed")

// sign returns a message of the sender, signed with its own secret.
func sign(t testing.TB, sender string, body []byte, at time.Time) (request, error) {
	t.Helper()
	mine, _ := secrets(t, sender)
	return signUnder(t, unsignedFrom(sender, mine, body), at, mine)
}

// forged returns r with the same id and nonces, signed with another key.
func forged(t testing.TB, r request, at time.Time) (request, error) {
	t.Helper()
	_, other := secrets(t, r.Sender)
	return signUnder(t, r.clone(), at, other)
}

// rotated returns a message that the sender signs with another secret first and its own second.
func rotated(t testing.TB, sender string, body []byte, at time.Time) (request, error) {
	t.Helper()
	mine, other := secrets(t, sender)
	return signUnder(t, unsignedFrom(sender, mine, body), at, other, mine)
}

func unsignedFrom(sender, secret string, body []byte) request {
	return request{Sender: sender, Secret: secret, URL: public + queryOf(sender), Headers: headersOf(sender, body), Body: body}
}

func signUnder(t testing.TB, r request, at time.Time, secrets ...string) (request, error) {
	t.Helper()
	if p, ok := privateSenders()[r.Sender]; ok {
		if len(secrets) > 1 {
			return r, errUnsigned
		}
		key := p.keys()[0]
		if secrets[0] != key.public {
			key = p.keys()[1]
		}
		return p.sign(r.clone(), key, at), nil
	}
	signed := r.ours()
	if err := schemes.Sign(schemeOf(t, r.Sender), signed, "", at, secrets...); err != nil {
		return r, errors.Join(errUnsigned, err)
	}
	return r.take(signed, at), nil
}

func queryOf(sender string) string {
	if sender == "mercadopago" {
		return "?data.id=123456&type=payment"
	}
	return ""
}

// headersOf returns the headers that the sender sets in addition to those that it signs.
func headersOf(sender string, body []byte) map[string]string {
	h := map[string]string{"Content-Type": "application/json"}
	switch sender {
	case "twilio", "plivo":
		if len(body) > 0 && body[0] != '{' && body[0] != '[' {
			h["Content-Type"] = "application/x-www-form-urlencoded"
		}
	case "box":
		h["Box-Signature-Version"], h["Box-Signature-Algorithm"] = "1", "HmacSHA256"
	case "pusher":
		h["X-Pusher-Key"] = "key"
	case "mercadopago":
		h["X-Request-Id"] = "req-1"
	}
	return h
}

// keyPair is a private key, and the public key in the form that hookonce gets.
type keyPair struct {
	crypto.Signer

	public string
}

func (k keyPair) signature(hash crypto.Hash, text string) []byte {
	digest := []byte(text)
	if hash != 0 {
		h := hash.New()
		h.Write(digest)
		digest = h.Sum(nil)
	}
	raw, err := k.Sign(rand.Reader, digest, hash)
	if err != nil {
		panic(err)
	}
	return raw
}

// token is a JWT with RS256.
func (k keyPair) token(claims map[string]any) string {
	part := base64.RawURLEncoding.EncodeToString
	text := part([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + part([]byte(inJSON(claims)))
	return text + "." + part(k.signature(crypto.SHA256, text))
}

func inJSON(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// privateSender signs with a private key.
type privateSender struct {
	keys func() [2]keyPair
	sign func(r request, key keyPair, at time.Time) request
}

func pairs(generate func() (crypto.Signer, error), text func(der []byte, public crypto.PublicKey) string) func() [2]keyPair {
	return sync.OnceValue(func() (both [2]keyPair) {
		for i := range both {
			key, err := generate()
			if err != nil {
				panic(err)
			}
			der, err := x509.MarshalPKIXPublicKey(key.Public())
			if err != nil {
				panic(err)
			}
			both[i] = keyPair{key, text(der, key.Public())}
		}
		return both
	})
}

func makeEd25519() (crypto.Signer, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return key, err
}

func makeECDSA() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }
func makeRSA() (crypto.Signer, error)   { return rsa.GenerateKey(rand.Reader, 2048) }

func inBase64(der []byte, _ crypto.PublicKey) string { return base64.StdEncoding.EncodeToString(der) }

func rawEd25519(public crypto.PublicKey) []byte {
	raw, _ := public.(ed25519.PublicKey)
	return raw
}

//nolint:gochecknoglobals // keys are made once: RSA takes a while
var (
	discordKeys  = pairs(makeEd25519, func(_ []byte, p crypto.PublicKey) string { return hex.EncodeToString(rawEd25519(p)) })
	telnyxKeys   = pairs(makeEd25519, func(_ []byte, p crypto.PublicKey) string { return base64.StdEncoding.EncodeToString(rawEd25519(p)) })
	sendgridKeys = pairs(makeECDSA, inBase64)
	wechatKeys   = pairs(makeRSA, inBase64)
	kindeKeys    = pairs(makeRSA, inBase64)
	wixKeys      = pairs(makeRSA, inBase64)
	channelsKeys = pairs(makeEd25519, inBase64)
)

func seconds(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }

// privateSenders returns senders that sign as their documents say. Their signing code is not
// published.
func privateSenders() map[string]privateSender {
	return map[string]privateSender{
		"discord": {discordKeys, func(r request, key keyPair, at time.Time) request {
			r.Headers["X-Signature-Timestamp"] = seconds(at)
			r.Headers["X-Signature-Ed25519"] = hex.EncodeToString(key.signature(0, seconds(at)+string(r.Body)))
			return r
		}},
		"telnyx": {telnyxKeys, func(r request, key keyPair, at time.Time) request {
			r.Headers["Telnyx-Timestamp"] = seconds(at)
			r.Headers["Telnyx-Signature-Ed25519"] = base64.StdEncoding.EncodeToString(key.signature(0, seconds(at)+"|"+string(r.Body)))
			return r
		}},
		"sendgrid": {sendgridKeys, func(r request, key keyPair, at time.Time) request {
			r.Headers["X-Twilio-Email-Event-Webhook-Timestamp"] = seconds(at)
			raw := key.signature(crypto.SHA256, seconds(at)+string(r.Body))
			for len(raw) != 71 { // so that all are written alike, with padding
				raw = key.signature(crypto.SHA256, seconds(at)+string(r.Body))
			}
			r.Headers["X-Twilio-Email-Event-Webhook-Signature"] = base64.StdEncoding.EncodeToString(raw)
			return r
		}},
		"kinde": {kindeKeys, func(r request, key keyPair, at time.Time) request {
			r.Body = []byte(key.token(map[string]any{
				"type": "user.created", "event_id": "event_1", "source": "admin", "timestamp": at.UTC().Format(time.RFC3339), "data": string(r.Body),
			}))
			r.Headers["Content-Type"] = "application/jwt"
			return r
		}},
		"wix": {wixKeys, func(r request, key keyPair, at time.Time) request {
			data := inJSON(map[string]any{"eventType": "wix.contacts.v4.contact_created", "instanceId": "b82a1d8c", "data": string(r.Body)})
			r.Body = []byte(key.token(map[string]any{"data": data, "iat": at.Unix(), "exp": at.Add(1000 * time.Hour).Unix()}))
			r.Headers["Content-Type"] = "text/plain"
			return r
		}},
		"mailchannels": {channelsKeys, func(r request, key keyPair, at time.Time) request {
			sum := sha256.Sum256(r.Body)
			r.Headers["Content-Digest"] = "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
			params := `("content-digest");created=` + seconds(at) + `;alg="ed25519";keyid="mckey"`
			r.Headers["Signature-Input"] = "sig_" + seconds(at) + "=" + params
			raw := key.signature(0, `"content-digest": `+r.Headers["Content-Digest"]+"\n"+`"@signature-params": `+params)
			r.Headers["Signature"] = "sig_" + seconds(at) + "=:" + base64.StdEncoding.EncodeToString(raw) + ":"
			return r
		}},
		"wechatpay": {wechatKeys, func(r request, key keyPair, at time.Time) request {
			r.Headers["Wechatpay-Timestamp"], r.Headers["Wechatpay-Nonce"] = seconds(at), "EcY0dYqyJqhP0kxl6xIMpDNYxtGKgnpD"
			r.Headers["Wechatpay-Serial"] = "PUB_KEY_ID_1"
			r.Headers["Wechatpay-Signature"] = base64.StdEncoding.EncodeToString(
				key.signature(crypto.SHA256, seconds(at)+"\n"+r.Headers["Wechatpay-Nonce"]+"\n"+string(r.Body)+"\n"))
			return r
		}},
	}
}

// bodies returns what a sender signs, by what each body tests.
func bodies(sender string) map[string][]byte {
	fill := func(text string) string { return inJSON(text) }
	object := func(text string) string {
		switch sender {
		case "linear":
			return `{"action":"create","webhookTimestamp":0,"type":"Issue","text":` + text + `}`
		case "mailgun":
			return `{"signature":{"timestamp":"0","token":"` + strings.Repeat("0", 50) + `","signature":"placeholder"},"event-data":{"text":` + text + `}}`
		case "payos":
			text, beside, _ := strings.Cut(text, `,"n"`) // which data cannot hold
			if beside != "" {
				beside = `,"n"` + beside
			}
			return `{"code":"00","success":true,"data":{"reference":"evt_1","amount":3000,"counter":null,"text":` + text + `},"signature":"placeholder"` + beside + `}`
		case "adyen":
			return `{"notificationItems":[{"NotificationRequestItem":{"pspReference":"7914","originalReference":"","merchantAccountCode":"Acme",` +
				`"merchantReference":` + text + `,"eventCode":"REFUND","success":"true",` +
				`"additionalData":{"hmacSignature":"placeholder"},"amount":{"value":5,"currency":"EUR"}}}]}`
		}
		return `{"id":"evt_1","event_id":"evt_1","type":"a.b","event":{"id":"evt_1"},"data":{"id":"evt_1"},"notificationId":"evt_1",` +
			`"events":[{"webhookEventId":"evt_1"}],"text":` + text + `}`
	}
	pretty := strings.NewReplacer(`{"`, "{\r\n  \"", `,"`, ",\r\n  \"", `}`, "\r\n}")
	all := map[string][]byte{
		plainBody:              []byte(object(fill("hello"))),
		"letters beyond ASCII": []byte(object(`"ünï 日本 😀 ` + "\u2028" + `"`)),
		"escapes":              []byte(object(`"\u00fc \/ \\ \" <b>&amp;<\/b> \ud83d\ude00","n": [1.0, 1e2, 12345678901234567890, -0]`)),
		"CRLF":                 []byte(pretty.Replace(object(fill("hello"))) + "\r\n"),
		"60 kB":                []byte(object(fill(strings.Repeat("0123456789 ä", 4800)))),
		"an array":             []byte("[" + object(fill("hello")) + "," + object(fill("hello")) + "]"),
		"empty":                {},
	}
	switch sender {
	case "easypost":
		all["a weight"] = []byte(`{"id":"evt_1","result":{"weight": 10.0,"parcel":{"weight":2.5}}}`)
	case "twilio", "plivo":
		all["a form"] = []byte("To=%2B18005551212&Body=h%C3%A9llo+%26+goodbye&MessageSid=SM1&Empty=")
		all["a form with a parameter twice"] = []byte("Digits=5678&Digits=1234&Digits=1234&MessageSid=SM1")
	}
	return all
}
