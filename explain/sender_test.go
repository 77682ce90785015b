package explain_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
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
	"github.com/hookonce/hookonce/explain"
	"github.com/hookonce/hookonce/schemes"
)

var now = time.Date(2025, 10, 9, 8, 7, 6, 0, time.UTC)

const jsonBody = `{"type":"invoice.paid","id":"evt_8Zq1","data":{"object":{"total":12.5,"count":3,"price":7,"note":"Grüße <b>& more</b> from a/b"},"tags":["x","y"]}}`

// message is a message on its way: what the sender has, and what arrives.
type message struct {
	sender *sender
	// At the sender.
	secret, id, stamp, address string
	signedMethod               string
	body                       []byte
	at                         time.Time
	// At the receiver.
	configured []core.Secret
	scheme     core.Scheme
	others     map[string]*core.Keys
	err        *core.Error
	r          *core.Request
}

// sender signs correctly. The senders are written from the providers' documentation and do not use
// the packages under test.
type sender struct {
	name    string
	scheme  core.Scheme
	secret  string // as the sender shows it
	key     func(secret string) string
	address string
	form    bool
	sign    func(m *message)
}

func mac(newHash func() hash.Hash, key, content string) []byte {
	h := hmac.New(newHash, []byte(key))
	h.Write([]byte(content))
	return h.Sum(nil)
}

func hexMAC(key, content string) string { return hex.EncodeToString(mac(sha256.New, key, content)) }

func base64MAC(key, content string) string {
	return base64.StdEncoding.EncodeToString(mac(sha256.New, key, content))
}

func verbatim(secret string) string { return secret }

func standardKey(secret string) string {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		panic(err)
	}
	return string(raw)
}

const (
	standardSecret = "whsec_b3VyIHNlY3JldCBvZiB0aGlydHktdHdvIGJ5dGVzISE/+/A="
	otherSecret    = "whsec_YW5vdGhlciBlbmRwb2ludCdzIHNlY3JldCwgYXMgbG9uZw=="
	freeSecret     = "4Q7rVb2nXk9wTz0s"
	freeOther      = "Jm5uYc8dLe1hPo3a"
	hexSecret      = "44782def547aaa06c910c43932b1eb0c71fc68d9d0c057550c48ec2acf6ba056"
	publicURL      = "https://example.com/hook"
)

var discordKey = ed25519.NewKeyFromSeed([]byte("a seed of thirty-two bytes, ours"))

func discordPublic() []byte {
	public, _ := discordKey.Public().(ed25519.PublicKey)
	return public
}

func senders() map[string]*sender {
	set := func(m *message, headers ...string) {
		for i := 0; i < len(headers); i += 2 {
			asMap(m.r.Header).Set(headers[i], headers[i+1])
		}
	}
	all := []*sender{
		{name: "standard", scheme: core.StandardWebhooks{}, secret: standardSecret, key: standardKey, sign: func(m *message) {
			set(m, "webhook-id", m.id, "webhook-timestamp", m.stamp,
				"webhook-signature", "v1,"+base64MAC(m.sender.key(m.secret), m.id+"."+m.stamp+"."+string(m.body)))
		}},
		{name: "github", scheme: schemes.GitHub(), secret: freeSecret, key: verbatim, sign: func(m *message) {
			set(m, "X-Hub-Signature-256", "sha256="+hexMAC(m.sender.key(m.secret), string(m.body)))
		}},
		{name: "shopify", scheme: schemes.Shopify(), secret: freeSecret, key: verbatim, sign: func(m *message) {
			set(m, "X-Shopify-Hmac-SHA256", base64MAC(m.sender.key(m.secret), string(m.body)))
		}},
		{name: "stripe", scheme: schemes.Stripe(), secret: "whsec_" + freeSecret, key: verbatim, sign: func(m *message) {
			set(m, "Stripe-Signature", "t="+m.stamp+",v1="+hexMAC(m.sender.key(m.secret), m.stamp+"."+string(m.body)))
		}},
		{name: "slack", scheme: schemes.Slack(), secret: freeSecret, key: verbatim, sign: func(m *message) {
			set(m, "X-Slack-Request-Timestamp", m.stamp, "X-Slack-Signature", "v0="+hexMAC(m.sender.key(m.secret), "v0:"+m.stamp+":"+string(m.body)))
		}},
		{name: "square", scheme: schemes.Square(publicURL), secret: freeSecret, key: verbatim, address: publicURL, sign: func(m *message) {
			set(m, "X-Square-Hmacsha256-Signature", base64MAC(m.sender.key(m.secret), m.address+string(m.body)))
		}},
		{name: "twilio", scheme: schemes.Twilio(publicURL), secret: freeSecret, key: verbatim, address: publicURL, form: true, sign: func(m *message) {
			form, err := url.ParseQuery(string(m.body))
			if err != nil {
				panic(err)
			}
			var content strings.Builder
			content.WriteString(m.address)
			for _, name := range slices.Sorted(maps.Keys(form)) {
				content.WriteString(name + form.Get(name))
			}
			set(m, "X-Twilio-Signature", base64.StdEncoding.EncodeToString(mac(sha1.New, m.sender.key(m.secret), content.String())))
		}},
		{name: "hubspot", scheme: schemes.HubSpot(publicURL), secret: freeSecret, key: verbatim, address: publicURL, sign: func(m *message) {
			stamp := strconv.FormatInt(m.at.UnixMilli(), 10)
			set(m, "X-HubSpot-Request-Timestamp", stamp,
				"X-HubSpot-Signature-v3", base64MAC(m.sender.key(m.secret), m.signedMethod+hubSpotDecodes(m.address)+string(m.body)+stamp))
		}},
		{name: "contentful", scheme: schemes.Contentful(publicURL), secret: freeSecret, key: verbatim, address: publicURL, sign: func(m *message) {
			stamp := strconv.FormatInt(m.at.UnixMilli(), 10)
			_, path, _ := strings.Cut(strings.TrimPrefix(m.address, "https://"), "/")
			const list = "x-contentful-signed-headers,x-contentful-timestamp"
			set(m, "X-Contentful-Timestamp", stamp, "X-Contentful-Signed-Headers", list, "X-Contentful-Signature", hexMAC(m.sender.key(m.secret),
				m.signedMethod+"\n/"+path+"\nx-contentful-signed-headers:"+list+";x-contentful-timestamp:"+stamp+"\n"+string(m.body)))
		}},
		{name: "adyen-platform", scheme: schemes.AdyenPlatform(), secret: hexSecret, key: func(secret string) string {
			raw, err := hex.DecodeString(secret)
			if err != nil {
				panic(err)
			}
			return string(raw)
		}, sign: func(m *message) { set(m, "HmacSignature", base64MAC(m.sender.key(m.secret), string(m.body))) }},
		{name: "discord", scheme: schemes.Discord(), secret: hex.EncodeToString(discordPublic()), key: verbatim, sign: func(m *message) {
			set(m, "X-Signature-Timestamp", m.stamp,
				"X-Signature-Ed25519", hex.EncodeToString(ed25519.Sign(discordKey, []byte(m.stamp+string(m.body)))))
		}},
		{
			name: "standard v1a", scheme: core.StandardWebhooks{}, secret: "whpk_" + base64.StdEncoding.EncodeToString(discordPublic()), key: verbatim,
			sign: func(m *message) {
				set(m, "webhook-id", m.id, "webhook-timestamp", m.stamp, "webhook-signature",
					"v1a,"+base64.StdEncoding.EncodeToString(ed25519.Sign(discordKey, []byte(m.id+"."+m.stamp+"."+string(m.body)))))
			},
		},
	}
	named := map[string]*sender{}
	for _, s := range all {
		named[s.name] = s
	}
	return named
}

// damage is a mistake made on purpose: in what the sender has, or in what arrives.
type damage struct {
	word   explain.Mistake
	before func(m *message)
	after  func(m *message)
}

// send makes a message with these mistakes, in this order.
func send(s *sender, all ...damage) *message {
	m := &message{
		sender: s, secret: s.secret, id: "msg_2tVqQNoBzGJ4YXoE8cRkW1", address: s.address, signedMethod: http.MethodPost, at: now,
		configured: []core.Secret{core.NewSecret(s.secret)}, scheme: s.scheme, body: []byte(jsonBody),
		r: &core.Request{Method: http.MethodPost, URL: "/hook", Header: http.Header{"Content-Type": {"application/json"}, "User-Agent": {"sender/1"}}},
	}
	if s.form {
		m.body = []byte("MessageSid=SM42&Body=Gr%C3%BC%C3%9Fe+from+a%2Fb&To=%2B18005551212")
		asMap(m.r.Header).Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, d := range all {
		if d.before != nil {
			d.before(m)
		}
	}
	if m.stamp == "" {
		m.stamp = strconv.FormatInt(m.at.Unix(), 10)
	}
	s.sign(m)
	m.r.Body = bytes.Clone(m.body)
	for _, d := range all {
		if d.after != nil {
			d.after(m)
		}
	}
	return m
}

// input is a refused request, and the settings of its receiver.
type input struct {
	Config  *core.Config
	Keys    core.KeySource
	Request *core.Request
	Others  map[string]*core.Keys
	Err     *core.Error
}

func (in input) explain(ctx context.Context) explain.Explanation {
	e, _ := in.work(ctx)
	return e
}

func (in input) work(ctx context.Context) (explain.Explanation, int64) {
	return explain.Work(ctx, core.Refused{Verifier: in.verifier(), Request: in.Request, Err: in.Err}, in.Others)
}

// verifier returns the receiver. Secrets with which it would not start come from a key source, as
// those of a tenant do.
func (in input) verifier() *core.Verifier {
	if v, err := core.New(in.Keys, durable{}, in.Config); err == nil {
		return v
	}
	return core.Must(core.New(core.KeySourceFunc(func(ctx context.Context, r *core.Request) (string, *core.Keys, error) {
		_, keys, err := in.Keys.Keys(ctx, r)
		return "tenant", keys, err
	}), durable{}, in.Config))
}

// durable is a store that is never called.
type durable struct{}

func (durable) Swap(context.Context, core.Key, core.Value, core.Value, time.Duration) (core.Value, error) {
	return core.Value{}, core.ErrStoreUnavailable
}

func (m *message) input() input {
	return input{
		Config: &core.Config{Scheme: m.scheme, Clock: func() time.Time { return now }},
		Keys:   core.SecretList(m.configured...), Request: m.r, Others: m.others, Err: m.err,
	}
}

// firstLine is the line on which the mistakes must be named.
func firstLine(e explain.Explanation) string {
	line, _, _ := strings.Cut(e.String(), "\n")
	return line
}

// names reports whether the first line names exactly these mistakes before its colon.
func names(e explain.Explanation, words ...explain.Mistake) bool {
	head, _, _ := strings.Cut(firstLine(e), ":")
	head = strings.TrimSuffix(strings.TrimSuffix(head, " (proven)"), " (seen)")
	got := strings.Split(head, " and ")
	want := make([]string, len(words))
	for i, w := range words {
		want[i] = string(w)
	}
	slices.Sort(got)
	slices.Sort(want)
	return slices.Equal(got, slices.Compact(want))
}

// withoutLeak fails if a text contains a piece of a secret, a signature or the body.
func withoutLeak(t testing.TB, m *message, text string) {
	t.Helper()
	secrets := []string{m.secret}
	for _, s := range m.configured {
		secrets = append(secrets, s.Reveal())
	}
	for _, s := range secrets {
		s = strings.TrimSpace(strings.TrimPrefix(strings.TrimPrefix(s, "v1,"), "whsec_"))
		for i := 0; i+8 <= len(s); i++ {
			if strings.Contains(text, s[i:i+8]) {
				t.Errorf("a piece of a secret is in %q", text)
				return
			}
		}
	}
	for name, values := range asMap(m.r.Header) {
		if !strings.Contains(strings.ToLower(name), "sign") && !strings.Contains(strings.ToLower(name), "hmac") {
			continue
		}
		for _, v := range values {
			for i := 0; i+12 <= len(v); i++ {
				if strings.Contains(text, v[i:i+12]) {
					t.Errorf("a piece of a signature is in %q", text)
					return
				}
			}
		}
	}
	for _, body := range []string{string(m.body), string(m.r.Body)} {
		for i := 0; i+12 <= len(body); i += 3 {
			if strings.Contains(text, body[i:i+12]) && strings.TrimSpace(body[i:i+12]) != "" {
				t.Errorf("a piece of the body is in %q", text)
				return
			}
		}
	}
}

// hubSpotDecodes decodes the escapes that HubSpot decodes in the path before it signs the address.
func hubSpotDecodes(address string) string {
	path, query, asked := strings.Cut(address, "?")
	if path = strings.ReplaceAll(path, "%2F", "/"); asked {
		path += "?" + query
	}
	return path
}
