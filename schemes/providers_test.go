package schemes_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
	"github.com/hookonce/hookonce/whtest"
)

// The senders below follow the providers' documentation and share no code with the package under
// test.

func mac(newHash func() hash.Hash, secret, content string) []byte {
	h := hmac.New(newHash, []byte(secret))
	h.Write([]byte(content))
	return h.Sum(nil)
}

func hexMAC(secret, content string) string {
	return hex.EncodeToString(mac(sha256.New, secret, content))
}

func base64MAC(secret, content string) string {
	return base64.StdEncoding.EncodeToString(mac(sha256.New, secret, content))
}

func request(body string, headers ...string) *core.Request {
	r := &core.Request{Method: http.MethodPost, URL: "/hook", Header: http.Header{}, Body: []byte(body)}
	for i := 0; i < len(headers); i += 2 {
		asMap(r.Header).Set(headers[i], headers[i+1])
	}
	return r
}

func seconds(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }

func millis(at time.Time) string { return strconv.FormatInt(at.UnixMilli(), 10) }

const (
	secret   = "4Q7rVb2nXk9wTz0s"
	stranger = "Jm5uYc8dLe1hPo3a"
	hexKey   = "44782def547aaa06c910c43932b1eb0c71fc68d9d0c057550c48ec2acf6ba056"
	hexOther = "da39a3ee5e6b4b0d3255bfef95601890afd80709da39a3ee5e6b4b0d3255bfef"
	public   = "https://example.com/hook"
)

func unhex(text string) string {
	raw, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// around returns a body with the id at a path, and with content beside it.
func around(id string, content []byte, path ...string) string {
	if len(content) == 0 {
		content = []byte("null")
	}
	last := len(path) - 1
	body := `{"data":` + string(content) + `,"` + path[last] + `":` + strconv.Quote(id) + `}`
	for _, name := range slices.Backward(path[:last]) {
		body = `{"` + name + `":` + body + `}`
	}
	return body
}

var discordKey = ed25519.NewKeyFromSeed([]byte("a seed of thirty-two bytes, ours"))

// signDiscord gives r this body and signs it.
func signDiscord(r *core.Request, body string, at time.Time) *core.Request {
	r.Body = []byte(body)
	asMap(r.Header).Set("X-Signature-Timestamp", seconds(at))
	asMap(r.Header).Set("X-Signature-Ed25519", hex.EncodeToString(ed25519.Sign(discordKey, []byte(seconds(at)+body))))
	return r
}

func inBase64(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func fromBase64(text string) string {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

func signLark(key string, at time.Time, body string) *core.Request {
	nonce := "nonce-" + seconds(at)
	sum := sha256.Sum256([]byte(seconds(at) + nonce + key + body))
	return request(body, "Content-Type", "application/json; charset=utf-8", "X-Lark-Request-Timestamp", seconds(at), "X-Lark-Request-Nonce", nonce,
		"X-Lark-Signature", hex.EncodeToString(sum[:]))
}

// larkEncrypt encrypts with AES-256-CBC under the hash of the key. The IV comes
// first and depends on the text, so the result is deterministic.
func larkEncrypt(key, text string) string {
	hashed, first := sha256.Sum256([]byte(key)), sha256.Sum256([]byte(text))
	block, err := aes.NewCipher(hashed[:])
	if err != nil {
		panic(err)
	}
	n := aes.BlockSize - len(text)%aes.BlockSize
	padded := append([]byte(text), bytes.Repeat([]byte{byte(n)}, n)...)
	cipher.NewCBCEncrypter(block, first[:aes.BlockSize]).CryptBlocks(padded, padded)
	return base64.StdEncoding.EncodeToString(append(first[:aes.BlockSize:aes.BlockSize], padded...))
}

// signBox signs with the second of two keys.
func signBox(secret string, at time.Time, body string) *core.Request {
	stamp := at.Format("2006-01-02T15:04:05-07:00")
	return request(body, "Box-Delivery-Timestamp", stamp, "Box-Signature-Primary", base64MAC("another", "key"),
		"Box-Signature-Secondary", base64MAC(secret, body+stamp))
}

// sender makes a genuine request with a secret.
type sender func(secret, id string, at time.Time, content []byte) *core.Request

// bodyIn signs the body alone.
func bodyIn(header, label string, sum func(secret, content string) string) sender {
	return func(secret, _ string, _ time.Time, content []byte) *core.Request {
		return request(string(content), header, label+sum(secret, string(content)))
	}
}

// idIn signs a body that holds the id.
func idIn(header, label string, sum func(secret, content string) string, path ...string) sender {
	return func(secret, id string, _ time.Time, content []byte) *core.Request {
		body := around(id, content, path...)
		return request(body, header, label+sum(secret, body))
	}
}

func hexSHA1(secret, content string) string {
	return hex.EncodeToString(mac(sha1.New, secret, content))
}

// subject is a scheme with its sender, a secret, and the secret of somebody
// else.
type subject struct {
	scheme           core.Scheme
	secret, stranger string
	sign             sender
}

// subjects are all senders of the suite.
func subjects() map[string]subject {
	all := ownSubjects()
	maps.Copy(all, templates())
	maps.Copy(all, codeSenders())
	maps.Copy(all, jwtSenders())
	return all
}

func ownSubjects() map[string]subject {
	discordPublic, _ := discordKey.Public().(ed25519.PublicKey)
	discordOther, _, _ := ed25519.GenerateKey(rand.Reader)
	gridKey, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	gridOther, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	spki := func(k *ecdsa.PrivateKey) string {
		der, _ := x509.MarshalPKIXPublicKey(&k.PublicKey)
		return base64.StdEncoding.EncodeToString(der)
	}
	kv := func(header, format string, stamp func(time.Time) string, path ...string) sender {
		return func(secret, id string, at time.Time, content []byte) *core.Request {
			body := string(content)
			if len(path) > 0 {
				body = around(id, content, path...)
			}
			return request(body, header, fmt.Sprintf(format, stamp(at), hexMAC(secret, stamp(at)+"."+body)))
		}
	}
	v0 := func(signature, stamp string, path ...string) sender {
		return func(secret, id string, at time.Time, content []byte) *core.Request {
			body := string(content)
			if len(path) > 0 {
				body = around(id, content, path...)
			}
			return request(body, stamp, seconds(at), signature, "v0="+hexMAC(secret, "v0:"+seconds(at)+":"+body))
		}
	}
	return map[string]subject{
		"github":      {schemes.GitHub(), secret, stranger, bodyIn("X-Hub-Signature-256", "sha256=", hexMAC)},
		"bitbucket":   {schemes.Bitbucket(), secret, stranger, bodyIn("X-Hub-Signature", "sha256=", hexMAC)},
		"meta":        {schemes.Meta("token"), secret, stranger, bodyIn("X-Hub-Signature-256", "sha256=", hexMAC)},
		"shopify":     {schemes.Shopify(), secret, stranger, bodyIn("X-Shopify-Hmac-SHA256", "", base64MAC)},
		"woocommerce": {schemes.WooCommerce(), secret, stranger, bodyIn("X-WC-Webhook-Signature", "", base64MAC)},
		"x":           {schemes.X(schemes.IgnoreHandshakes), secret, stranger, bodyIn("X-Twitter-Webhooks-Signature-OAuth2", "sha256=", base64MAC)},
		"x legacy":    {schemes.X(schemes.IgnoreHandshakes), secret, stranger, bodyIn("X-Twitter-Webhooks-Signature", "sha256=", base64MAC)},
		"notion":      {schemes.Notion(nil), secret, stranger, idIn("X-Notion-Signature", "sha256=", hexMAC, "id")},
		"airtable": {schemes.Airtable(), inBase64(secret), inBase64(stranger), bodyIn("X-Airtable-Content-MAC", "hmac-sha256=", func(secret, content string) string {
			return hexMAC(fromBase64(secret), content)
		})},
		"lark": {schemes.Lark(""), secret, stranger, func(secret, id string, at time.Time, content []byte) *core.Request {
			return signLark(secret, at, `{"encrypt":"`+larkEncrypt(secret, around(id, content, "header", "event_id"))+`"}`)
		}},
		"jira":         {schemes.Jira(), secret, stranger, bodyIn("X-Hub-Signature", "sha256=", hexMAC)},
		"docusign":     {schemes.DocuSign(), secret, stranger, bodyIn("X-DocuSign-Signature-2", "", base64MAC)},
		"dropbox":      {schemes.DangerouslyReplayableDropbox(schemes.AnswerHandshakes), secret, stranger, bodyIn("X-Dropbox-Signature", "", hexMAC)},
		"asana":        {schemes.Asana(nil), secret, stranger, bodyIn("X-Hook-Signature", "", hexMAC)},
		"cursor":       {schemes.Cursor(), secret, stranger, bodyIn("X-Webhook-Signature", "sha256=", hexMAC)},
		"sentry":       {schemes.Sentry(), secret, stranger, bodyIn("Sentry-Hook-Signature", "", hexMAC)},
		"lemonsqueezy": {schemes.LemonSqueezy(), secret, stranger, bodyIn("X-Signature", "", hexMAC)},
		"adyen-platform": {schemes.AdyenPlatform(), hexKey, hexOther, bodyIn("HmacSignature", "", func(secret, content string) string {
			return base64MAC(unhex(secret), content)
		})},
		"intercom":          {schemes.Intercom(), secret, stranger, idIn("X-Hub-Signature", "sha1=", hexSHA1, "id")},
		"vercel":            {schemes.Vercel(), secret, stranger, idIn("X-Vercel-Signature", "", hexSHA1, "id")},
		"typeform":          {schemes.Typeform(), secret, stranger, idIn("Typeform-Signature", "sha256=", base64MAC, "event_id")},
		"coinbase-commerce": {schemes.CoinbaseCommerce(), secret, stranger, idIn("X-CC-Webhook-Signature", "", hexMAC, "event", "id")},
		"pagerduty":         {schemes.PagerDuty(), secret, stranger, idIn("X-PagerDuty-Signature", "v1=", hexMAC, "event", "id")},
		"square": {schemes.Square(public), secret, stranger, idIn("X-Square-Hmacsha256-Signature", "", func(secret, content string) string {
			return base64MAC(secret, public+content)
		}, "event_id")},
		"stripe":     {schemes.Stripe(), secret, stranger, kv("Stripe-Signature", "t=%s,v1=%s", seconds, "id")},
		"calendly":   {schemes.Calendly(), secret, stranger, kv("Calendly-Webhook-Signature", "t=%s,v1=%s", seconds)},
		"workos":     {schemes.WorkOS(), secret, stranger, kv("WorkOS-Signature", "t=%s, v1=%s", millis, "id")},
		"elevenlabs": {schemes.ElevenLabs(), secret, stranger, kv("ElevenLabs-Signature", "t=%s,v0=%s", seconds)},
		"slack":      {schemes.Slack(), secret, stranger, v0("X-Slack-Signature", "X-Slack-Request-Timestamp", "event_id")},
		"zoom":       {schemes.Zoom(), secret, stranger, v0("X-Zm-Signature", "X-Zm-Request-Timestamp")},
		"paddle": {schemes.Paddle(), secret, stranger, func(secret, id string, at time.Time, content []byte) *core.Request {
			body := around(id, content, "event_id")
			return request(body, "Paddle-Signature", "ts="+seconds(at)+";h1="+hexMAC(secret, seconds(at)+":"+body))
		}},
		"webflow": {schemes.Webflow(), secret, stranger, func(secret, _ string, at time.Time, content []byte) *core.Request {
			return request(string(content), "X-Webflow-Timestamp", millis(at), "X-Webflow-Signature", hexMAC(secret, millis(at)+":"+string(content)))
		}},
		"linear": {schemes.Linear(), secret, stranger, func(secret, _ string, at time.Time, content []byte) *core.Request {
			if len(content) == 0 {
				content = []byte("null")
			}
			body := `{"webhookTimestamp":` + millis(at) + `,"data":` + string(content) + `}`
			return request(body, "Linear-Signature", hexMAC(secret, body), "Linear-Timestamp", millis(time.Unix(1, 0)))
		}},
		"box": {schemes.Box(), secret, stranger, func(secret, id string, at time.Time, content []byte) *core.Request {
			return signBox(secret, at, around(id, content, "id"))
		}},
		"box without an id": {schemes.Box(), secret, stranger, func(secret, _ string, at time.Time, content []byte) *core.Request {
			return signBox(secret, at, string(content))
		}},
		"twitch": {schemes.Twitch(), secret, stranger, func(secret, id string, at time.Time, content []byte) *core.Request {
			sum := sha256.Sum256([]byte(id))
			uuid := hex.EncodeToString(sum[:18])
			stamp := at.Format(time.RFC3339Nano)
			return request(string(content), "Twitch-Eventsub-Message-Id", uuid, "Twitch-Eventsub-Message-Timestamp", stamp,
				"Twitch-Eventsub-Message-Signature", "sha256="+hexMAC(secret, uuid+stamp+string(content)))
		}},
		"discord": {
			schemes.Discord(), hex.EncodeToString(discordPublic), hex.EncodeToString(discordOther),
			func(_, id string, at time.Time, content []byte) *core.Request {
				body := around(id, content, "id")
				return request(body, "X-Signature-Timestamp", seconds(at),
					"X-Signature-Ed25519", hex.EncodeToString(ed25519.Sign(discordKey, []byte(seconds(at)+body))))
			},
		},
		"sendgrid": {schemes.SendGrid(), spki(gridKey), spki(gridOther), func(_, _ string, at time.Time, content []byte) *core.Request {
			digest := sha256.Sum256([]byte(seconds(at) + string(content)))
			signature, _ := ecdsa.SignASN1(rand.Reader, gridKey, digest[:])
			return request(string(content), "X-Twilio-Email-Event-Webhook-Timestamp", seconds(at),
				"X-Twilio-Email-Event-Webhook-Signature", base64.StdEncoding.EncodeToString(signature))
		}},
		"hubspot": {schemes.HubSpot(public), secret, stranger, func(secret, _ string, at time.Time, content []byte) *core.Request {
			return request(string(content), "X-HubSpot-Request-Timestamp", millis(at), "X-HubSpot-Signature-v3",
				base64MAC(secret, "POST"+public+string(content)+millis(at)), "X-HubSpot-Signature", hexMAC("v1", "of another kind"))
		}},
		"mailgun": {schemes.Mailgun(), secret, stranger, func(secret, id string, at time.Time, content []byte) *core.Request {
			sum := sha256.Sum256([]byte(id))
			token := hex.EncodeToString(sum[:25])
			if len(content) == 0 {
				content = []byte("null")
			}
			return request(`{"signature":{"timestamp":"` + seconds(at) + `","token":"` + token + `","signature":"` + hexMAC(secret, seconds(at)+token) +
				`"},"event-data":` + string(content) + `}`)
		}},
		"adyen": {schemes.Adyen(), hexKey, hexOther, func(secret, id string, _ time.Time, _ []byte) *core.Request {
			const reference = "Order-7"
			signed := strings.Join([]string{id, "", "Merchant", reference, "1130", "EUR", "AUTHORISATION", "true"}, ":")
			return request(`{"live":"false","notificationItems":[{"NotificationRequestItem":{"additionalData":{"hmacSignature":"` +
				base64MAC(unhex(secret), signed) + `"},"amount":{"currency":"EUR","value":1130},"pspReference":"` + id + `","eventCode":"AUTHORISATION",` +
				`"merchantAccountCode":"Merchant","merchantReference":"` + reference + `","success":"true"}}]}`)
		}},
		"twilio form": {schemes.Twilio(public), secret, stranger, func(secret, id string, _ time.Time, content []byte) *core.Request {
			body := url.Values{"MessageSid": {id}, "Body": {string(content)}}.Encode()
			return request(body, "Content-Type", "application/x-www-form-urlencoded", "X-Twilio-Signature",
				base64.StdEncoding.EncodeToString(mac(sha1.New, secret, public+"Body"+string(content)+"MessageSid"+id)))
		}},
		"twilio json": {schemes.Twilio("https://example.com"), secret, stranger, func(secret, _ string, _ time.Time, content []byte) *core.Request {
			sum := sha256.Sum256(content)
			r := request(string(content), "Content-Type", "application/json")
			r.URL = "/hook?bodySHA256=" + hex.EncodeToString(sum[:])
			asMap(r.Header).Set("X-Twilio-Signature", base64.StdEncoding.EncodeToString(mac(sha1.New, secret, "https://example.com"+r.URL)))
			return r
		}},
		"hook0": {schemes.CoinbaseCDP(), secret, stranger, func(secret, id string, at time.Time, content []byte) *core.Request {
			body := around("x", content, "kind")
			return request(body, "X-Event-Id", id, "X-Kind", "a.b", "X-Hook0-Signature", "t="+seconds(at)+",v0="+hexMAC(secret, "weaker")+
				",h=x-event-id x-kind,v1="+hexMAC(secret, seconds(at)+".x-event-id x-kind."+id+".a.b."+body))
		}},
		"contentful": {schemes.Contentful(public), secret, stranger, func(secret, _ string, at time.Time, content []byte) *core.Request {
			const list = "x-contentful-signed-headers,x-contentful-timestamp,x-topic"
			return request(string(content), "X-Topic", "publish", "X-Contentful-Timestamp", millis(at), "X-Contentful-Signed-Headers", list,
				"X-Contentful-Signature", hexMAC(secret, "POST\n/hook\nx-contentful-signed-headers:"+list+
					";x-contentful-timestamp:"+millis(at)+";x-topic:publish\n"+string(content)))
		}},
		"gitlab-token": {schemes.DangerouslyReplayableGitLabToken(), secret, stranger, func(secret, _ string, _ time.Time, content []byte) *core.Request {
			return request(string(content), "X-Gitlab-Token", secret)
		}},
		"bearer token": {
			schemes.DangerouslyReplayableToken("acme", "Authorization", "Bearer "), secret, stranger,
			func(secret, _ string, _ time.Time, content []byte) *core.Request {
				return request(string(content), "Authorization", "Bearer "+secret)
			},
		},
		"postmark": {
			schemes.DangerouslyReplayableBasicAuth("postmark"), "name:" + secret, "name:" + stranger,
			func(secret, _ string, _ time.Time, content []byte) *core.Request {
				return request(string(content), "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(secret)))
			},
		},
		"mailgun subaccount": {schemes.Mailgun(), secret, stranger, func(secret, id string, at time.Time, content []byte) *core.Request {
			sum := sha256.Sum256([]byte(id))
			token := hex.EncodeToString(sum[:25])
			if len(content) == 0 {
				content = []byte("null")
			}
			return request(`{"signature":{"timestamp":"` + seconds(at) + `","token":"` + token + `","signature":"` + hexMAC("another", seconds(at)+token) +
				`","parent-signature":"` + hexMAC(secret, seconds(at)+token) + `"},"event-data":` + string(content) + `}`)
		}},
		"okta": {
			schemes.DangerouslyReplayableOkta(schemes.AnswerHandshakes), secret, stranger,
			func(secret, _ string, _ time.Time, content []byte) *core.Request {
				return request(string(content), "Authorization", secret)
			},
		},
		"graph": {
			schemes.DangerouslyReplayableGraph(schemes.AnswerHandshakes), secret, stranger,
			func(secret, _ string, _ time.Time, content []byte) *core.Request {
				if len(content) == 0 {
					content = []byte("null")
				}
				return request(`{"value":[{"clientState":"` + secret + `","resourceData":` + string(content) + `}]}`)
			},
		},
		"eventgrid": {schemes.DangerouslyReplayableEventGrid("key"), secret, stranger, func(secret, _ string, _ time.Time, content []byte) *core.Request {
			r := request(string(content))
			r.URL += "?key=" + secret
			return r
		}},
	}
}

// handshakes returns the unsigned handshakes of senders, with schemes that
// respond to them.
func handshakes() map[string]struct {
	subject string
	scheme  core.Scheme
	ask     func() *core.Request
} {
	const token = "v3rify-Token"
	larkAsk := `{"challenge":"0b3f0b6b-a7a4-4d5b-9a52","token":"` + token + `","type":"url_verification"}`
	return map[string]struct {
		subject string
		scheme  core.Scheme
		ask     func() *core.Request
	}{
		"woocommerce": {"woocommerce", schemes.WooCommerce(schemes.AnswerHandshakes), func() *core.Request {
			return request("webhook_id=42", "Content-Type", "application/x-www-form-urlencoded")
		}},
		"notion": {"notion", schemes.Notion(func(t string) bool { return t == "secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl" }), func() *core.Request {
			return request(`{"verification_token":"secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl"}`, "Content-Type", "application/json")
		}},
		"lark": {"lark", schemes.Lark(token), func() *core.Request {
			return request(larkAsk, "Content-Type", "application/json; charset=utf-8")
		}},
		"lark encrypted": {"lark", schemes.Lark(token), func() *core.Request {
			return request(`{"encrypt":"`+larkEncrypt(secret, larkAsk)+`"}`, "Content-Type", "application/json; charset=utf-8")
		}},
		"x": {"x", schemes.X(schemes.AnswerHandshakes), func() *core.Request {
			r := request("")
			r.Method, r.URL = http.MethodGet, "/hook?crc_token=MjQ1N2U1NjctZTg5Yi0xMmQz&nonce=abc"
			return r
		}},
	}
}

func TestEveryProviderPassesTheSuite(t *testing.T) {
	t.Parallel()
	all := subjects()
	for i, name := range slices.Sorted(maps.Keys(all)) {
		s := all[name]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if testing.Short() && i%4 != 0 {
				t.Skip("a quarter of the senders for a quick run: run `make test-all`")
			}
			scheme := s.scheme
			if past(scheme) > time.Hour {
				scheme = narrow{scheme}
			}
			whtest.TestScheme(t, whtest.Subject{
				Scheme: scheme, Secret: s.secret, Stranger: s.stranger, Challenge: signedQuestion(name, scheme, s.secret),
				Sign: func(id string, at time.Time, content []byte) *core.Request {
					return withUnsigned(s.scheme, s.sign(s.secret, id, at, content))
				},
			})
		})
	}
}

// TestEveryNameIsInTheSuite finds a name whose scheme no test hands to
// whtest.TestScheme.
func TestEveryNameIsInTheSuite(t *testing.T) {
	t.Parallel()
	// By the name of the scheme: these have tests of their own, beside what they fetch.
	there := map[string]string{
		"standard": "whtest", "rfc9421": "TestRFC9421IsAScheme", "sns": "TestSNSKeepsTheContractOfSchemes", "plaid": "TestPlaidKeepsTheContractOfSchemes",
		"paypal": "TestPayPalKeepsTheContractOfSchemes", "pubsub": "TestPubSubKeepsTheContractOfSchemes",
		"token": "bearer token", "auth0": "bearer token", "chargebee": "postmark", // of one constructor with these subjects
	}
	for name, s := range subjects() {
		there[s.scheme.Name()] = name
	}
	for _, name := range schemes.Names() {
		s, err := schemes.New(name, schemes.Settings{URL: public, Audience: "https://example.com", Header: "X-Token", DangerouslyReplayable: true})
		if err != nil {
			t.Fatal(err)
		}
		if there[s.Name()] == "" {
			t.Errorf("%s: no subject has its scheme", name)
		}
	}
}

// signedQuestion returns the signed challenge of the sender of a subject, nil
// if it has none that can be signed here.
func signedQuestion(name string, scheme core.Scheme, secret string) func(at time.Time) *core.Request {
	body, ok := map[string]string{
		"slack": `{"type":"url_verification","token":"x","challenge":"3eZbrw1aB"}`,
		"zoom":  `{"event":"endpoint.url_validation","payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"}}`,
		"asana": `{"events":[]}`,
	}[name]
	if name == "discord" {
		return func(at time.Time) *core.Request {
			return signDiscord(request(""), `{"version":1,"application_id":"1","type":0}`, at)
		}
	}
	if !ok {
		return nil
	}
	return func(at time.Time) *core.Request {
		r := request(body)
		if err := schemes.Sign(scheme, r, "", at, secret); err != nil {
			panic(err)
		}
		return r
	}
}

func TestEveryHandshakePassesTheSuite(t *testing.T) {
	t.Parallel()
	for name, h := range handshakes() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := subjects()[h.subject]
			whtest.TestScheme(t, whtest.Subject{
				Scheme: h.scheme, Secret: s.secret, Stranger: s.stranger, Handshake: h.ask,
				Sign: func(id string, at time.Time, content []byte) *core.Request {
					return withUnsigned(h.scheme, s.sign(s.secret, id, at, content))
				},
			})
		})
	}
}

// withUnsigned adds the headers that the scheme reads and the signature does not
// need: delivery ids and topics.
func withUnsigned(scheme core.Scheme, r *core.Request) *core.Request {
	for _, family := range core.FactsOf(scheme).Headers {
		for _, name := range family {
			if asMap(r.Header).Get(name) == "" && !strings.Contains(name, "Signature") {
				asMap(r.Header).Set(name, "3e3f1c52-"+name)
			}
		}
	}
	return r
}

// asMap returns the header of a request that a test made.
func asMap(h core.Header) http.Header {
	m, _ := h.(http.Header)
	return m
}
