package schemes_test

import (
	"bytes"
	"compress/gzip"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
)

// privateSender signs with a key that only it has.
type privateSender struct {
	scheme           core.Scheme
	secret, stranger string
	path             []string // of the id in the body
	sign             func(id, body string, at time.Time) *core.Request
}

// keyPair is a private key and the public one in base64.
type keyPair struct {
	crypto.Signer

	public string
}

func (k keyPair) signature(hash crypto.Hash, text string) string {
	digest := []byte(text)
	if hash != 0 {
		h := hash.New()
		h.Write(digest)
		digest = h.Sum(nil)
	}
	if key, ok := k.Signer.(*rsa.PrivateKey); ok {
		return base64.StdEncoding.EncodeToString(signPKCS1(key, hash, digest))
	}
	raw, err := k.Sign(rand.Reader, digest, hash)
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// pkcs1Signed caches the signatures of signPKCS1 by key and digest.
var pkcs1Signed sync.Map

// signPKCS1 signs each digest only once. The suite signs the same messages many
// times, and RSA takes most of the time of these tests.
func signPKCS1(key *rsa.PrivateKey, hash crypto.Hash, digest []byte) []byte {
	type signed struct {
		key    *rsa.PrivateKey
		hash   crypto.Hash
		digest string
	}
	of := signed{key, hash, string(digest)}
	if found, ok := pkcs1Signed.Load(of); ok {
		signature, _ := found.([]byte)
		return bytes.Clone(signature)
	}
	signature, err := rsa.SignPKCS1v15(nil, key, hash, digest)
	if err != nil {
		panic(err)
	}
	pkcs1Signed.Store(of, signature)
	return bytes.Clone(signature)
}

// testKeys generates the keys once, because RSA is slow.
var testKeys = sync.OnceValue(func() (keys struct{ rsa, rsaOther, ecdsa, ecdsaOther, p521, p521Other, ed, edOther keyPair }) {
	pair := func(s crypto.Signer, err error) keyPair {
		if err != nil {
			panic(err)
		}
		der, err := x509.MarshalPKIXPublicKey(s.Public())
		if err != nil {
			panic(err)
		}
		if public, ok := s.Public().(ed25519.PublicKey); ok {
			der = public
		}
		return keyPair{s, base64.StdEncoding.EncodeToString(der)}
	}
	rsaPair := func() keyPair {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		return pair(key, err)
	}
	ecPair := func(curve elliptic.Curve) keyPair {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		return pair(key, err)
	}
	edPair := func() keyPair {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return pair(key, err)
	}
	keys.rsa, keys.rsaOther, keys.ed, keys.edOther = rsaPair(), rsaPair(), edPair(), edPair()
	keys.ecdsa, keys.ecdsaOther = ecPair(elliptic.P256()), ecPair(elliptic.P256())
	keys.p521, keys.p521Other = ecPair(elliptic.P521()), ecPair(elliptic.P521())
	return keys
})

// signTrueLayer adds Tl-Signature, which signs the time.
func signTrueLayer(r *core.Request, k keyPair, kid string) {
	first := segment(map[string]any{
		"alg": "ES512", "kid": kid, "tl_version": "2", "tl_headers": "x-tl-webhook-timestamp", "jku": "https://webhooks.truelayer.com/.well-known/jwks",
	})
	path, _, _ := strings.Cut(r.URL, "?")
	text := r.Method + " " + path + "\nx-tl-webhook-timestamp: " + asMap(r.Header).Get("X-Tl-Webhook-Timestamp") + "\n" + string(r.Body)
	asMap(r.Header).Set("Tl-Signature", first+".."+k.inURL(crypto.SHA512, first+"."+segment(text)))
}

func gzipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text)) // neither fails
	_ = z.Close()
	return b.String()
}

// privateSenders are written from what they publish, or from their libraries.
func privateSenders() map[string]privateSender {
	k := testKeys()
	return map[string]privateSender{
		"telnyx": {schemes.Telnyx(), k.ed.public, k.edOther.public, []string{"data", "id"}, func(_, body string, at time.Time) *core.Request {
			return request(body, "Telnyx-Timestamp", seconds(at), "Telnyx-Signature-Ed25519", k.ed.signature(0, seconds(at)+"|"+body))
		}},
		"circle": {schemes.Circle(), k.ecdsa.public, k.ecdsaOther.public, []string{"notificationId"}, func(_, body string, _ time.Time) *core.Request {
			return request(body, "X-Circle-Key-Id", "879dc113-5ca4-4ff7-a6b7-54652083fcf8", "X-Circle-Signature", k.ecdsa.signature(crypto.SHA256, body))
		}},
		"wise": {schemes.Wise(), k.rsa.public, k.rsaOther.public, nil, func(_, body string, _ time.Time) *core.Request {
			return request(body, "X-Signature-SHA256", k.rsa.signature(crypto.SHA256, body))
		}},
		"wechatpay": {schemes.WeChatPay(), k.rsa.public, k.rsaOther.public, []string{"id"}, func(_, body string, at time.Time) *core.Request {
			nonce := "EcY0dYqyJqhP0kxl6xIMpDNYxtGKgnpD" + strconv.Itoa(at.Nanosecond())
			return request(body, "Wechatpay-Timestamp", seconds(at), "Wechatpay-Nonce", nonce, "Wechatpay-Serial", "PUB_KEY_ID_1",
				"Wechatpay-Signature", k.rsa.signature(crypto.SHA256, seconds(at)+"\n"+nonce+"\n"+body+"\n"))
		}},
		"fireblocks": {schemes.Fireblocks(), k.rsa.public, k.rsaOther.public, []string{"id"}, func(_, body string, _ time.Time) *core.Request {
			first := segment(map[string]any{"alg": "RS512", "kid": "a"})
			return request(body, "Fireblocks-Webhook-Signature", first+".."+k.rsa.inURL(crypto.SHA512, first+"."+segment(body)))
		}},
		"kinde": {schemes.Kinde(), k.rsa.public, k.rsaOther.public, nil, func(id, body string, _ time.Time) *core.Request {
			return request(k.rsa.token("RS256", "a", crypto.SHA256, map[string]any{"type": "user.created", "event_id": id, "data": body}), "Content-Type", "application/jwt")
		}},
		"wix": {schemes.Wix(), k.rsa.public, k.rsaOther.public, nil, func(id, body string, at time.Time) *core.Request {
			text := func(v any) string {
				raw, err := json.Marshal(v)
				if err != nil {
					panic(err)
				}
				return string(raw)
			}
			event := map[string]any{"createdEvent": body}
			if body != withoutID {
				event["id"] = id
			}
			return request(k.rsa.token("RS256", "", crypto.SHA256, map[string]any{
				"iat": at.Unix(), "exp": at.Unix() + 3_600_000, "data": text(map[string]any{
					"eventType": "wix.contacts.v4.contact_created", "instanceId": "b82a1d8c", "data": text(event),
				}),
			}), "Content-Type", "text/plain")
		}},
		"mailchannels": {schemes.MailChannels(), "mckey@ed25519:" + k.ed.public, k.edOther.public, nil, func(_, body string, at time.Time) *core.Request {
			digest := "sha-256=:" + base64.StdEncoding.EncodeToString(sumOf(body)) + ":"
			params := `("content-digest");created=` + seconds(at) + `;alg="ed25519";keyid="mckey"`
			return request(body, "Content-Digest", digest, "Signature-Input", "sig_"+seconds(at)+"="+params,
				"Signature", "sig_"+seconds(at)+"=:"+k.ed.signature(0, "\"content-digest\": "+digest+"\n\"@signature-params\": "+params)+":")
		}},
		"truelayer": {schemes.TrueLayer(public), k.p521.public, k.p521Other.public, []string{"event_id"}, func(_, body string, at time.Time) *core.Request {
			r := request(body, "X-Tl-Webhook-Timestamp", at.UTC().Format(time.RFC3339))
			signTrueLayer(r, k.p521, "a")
			return r
		}},
		"kick": {schemes.Kick(), k.rsa.public, k.rsaOther.public, nil, func(id, body string, at time.Time) *core.Request {
			stamp := at.UTC().Format(time.RFC3339)
			return request(body, "Kick-Event-Message-Id", id, "Kick-Event-Message-Timestamp", stamp,
				"Kick-Event-Signature", k.rsa.signature(crypto.SHA256, id+"."+stamp+"."+body))
		}},
	}
}

// codeSenders are those of schemes that are more than a template.
func codeSenders() map[string]subject {
	all := map[string]subject{
		"mercadopago": {schemes.MercadoPago(), secret, stranger, func(secret, id string, at time.Time, content []byte) *core.Request {
			r := request(string(content), "X-Request-Id", id, "X-Signature", "ts="+seconds(at)+",v1="+hexMAC(secret, "id:123456;request-id:"+id+";ts:"+seconds(at)+";"))
			r.URL = "/hook?data.id=123456&type=payment"
			return r
		}},
		"mercadopago in milliseconds": {schemes.MercadoPago(), secret, stranger, func(secret, id string, at time.Time, content []byte) *core.Request {
			r := request(string(content), "X-Request-Id", id, "X-Signature", "ts="+millis(at)+",v1="+hexMAC(secret, "id:123456;request-id:"+id+";ts:"+millis(at)+";"))
			r.URL = "/hook?data.id=123456&type=payment"
			return r
		}},
		"stream": {schemes.Stream(), secret, stranger, bodyIn("X-Signature", "", hexMAC)},
		"stream compressed": {schemes.Stream(), secret, stranger, func(secret, _ string, _ time.Time, content []byte) *core.Request {
			return request(gzipped(string(content)), "Content-Encoding", "gzip", "X-Signature", hexMAC(secret, string(content)))
		}},
		"cashfree": {schemes.Cashfree(), secret, stranger, func(secret, _ string, at time.Time, content []byte) *core.Request {
			return request(string(content), "X-Webhook-Timestamp", millis(at), "X-Webhook-Signature", base64MAC(secret, millis(at)+string(content)))
		}},
		"nylas": {schemes.Nylas(schemes.AnswerHandshakes), secret, stranger, idIn("X-Nylas-Signature", "", hexMAC, "id")},
		"mandrill": {schemes.Mandrill(public), secret, stranger, func(secret, _ string, _ time.Time, content []byte) *core.Request {
			return request(url.Values{"mandrill_events": {string(content)}}.Encode(), "Content-Type", "application/x-www-form-urlencoded",
				"X-Mandrill-Signature", base64SHA1(secret, public+"mandrill_events"+string(content)))
		}},
		"plivo": {schemes.Plivo(public), secret, stranger, func(secret, id string, _ time.Time, content []byte) *core.Request {
			text := strings.ToValidUTF8(string(content), "?")
			r := request(url.Values{"To": {"2"}, "From": {"1"}, "Text": {text}}.Encode(), "Content-Type", "application/x-www-form-urlencoded",
				"X-Plivo-Signature-V3-Nonce", id, "X-Plivo-Signature-V3", "AAAA,"+base64MAC(secret, public+"?From1Text"+text+"To2."+id))
			return r
		}},
		"plivo with a query": {schemes.Plivo(public), secret, stranger, func(secret, id string, _ time.Time, _ []byte) *core.Request {
			r := request("", "X-Plivo-Signature-V3-Nonce", id, "X-Plivo-Signature-Ma-V3", base64MAC(secret, public+"?a=x y&b=1&b=2."+id))
			r.Method, r.URL = http.MethodGet, "/hook?b=2&b=1&a=x%20y"
			return r
		}},
		"trello": {schemes.Trello(public, schemes.AnswerHandshakes), secret, stranger, func(secret, _ string, _ time.Time, content []byte) *core.Request {
			return request(string(content), "X-Trello-Webhook", base64SHA1(secret, string(content)+public))
		}},
		"hygraph": {schemes.Hygraph(), secret, stranger, func(secret, _ string, at time.Time, content []byte) *core.Request {
			body := strings.ToValidUTF8(string(content), "?")
			quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "\x00", `\u0000`, "\x01", `\u0001`).Replace(body)
			return request(body, "Gcms-Signature", "sign="+base64MAC(secret, `{"Body":"`+quoted+`","EnvironmentName":"master","TimeStamp":`+millis(at)+`}`)+
				", env=master, t="+millis(at))
		}},
		"metronome": {schemes.Metronome(), secret, stranger, func(secret, _ string, at time.Time, content []byte) *core.Request {
			stamp := at.UTC().Format(http.TimeFormat)
			return request(string(content), "X-Metronome-Date", stamp, "Metronome-Webhook-Signature", hexMAC(secret, stamp+"\n"+string(content)))
		}},
	}
	for name, p := range privateSenders() {
		all[name] = subject{p.scheme, p.secret, p.stranger, func(_, id string, at time.Time, content []byte) *core.Request {
			body := string(content)
			switch {
			case name == "telnyx": // whose data is what around would take for its own
				body = strings.Replace(around(id, content, "event", "id"), `"data":`, `"meta":`, 1)
				body = strings.Replace(body, `"event":`, `"data":`, 1)
			case len(p.path) > 0:
				body = around(id, content, p.path...)
			}
			return p.sign(id, body, at)
		}}
	}
	return all
}
