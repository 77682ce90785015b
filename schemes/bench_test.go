package schemes_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/stores/memstore"
)

// families are the schemes with an HMAC whose content is a header and the body.
func families() []string {
	return []string{"github", "stripe", "slack", "shopify", "paddle", "zoom", "linear", "twitch", "square", "pagerduty", "box", "docusign", "hook0", "hubspot", "webflow"}
}

// kilobyte is a JSON body of about 1 KiB in which the id comes last.
var kilobyte = []byte(`{"text":"` + strings.Repeat("lorem ipsum dolor ", 30) + `","list":[` + strings.Repeat(`{"a":1,"b":"c"},`, 24) + `null]}`)

// asSent returns a body of this size with the id where the sender puts it. It
// returns nil for senders that sign no id in the body.
func asSent(name, id string, size int) []byte {
	const text = "TEXT"
	object := `{"id":"obj_1","object":"thing","amount":2000,"currency":"usd","livemode":false,"metadata":{},"lines":[` +
		strings.Repeat(`{"a":1,"b":"c"},`, 20) + `null],"description":"` + text + `"}`
	var body string
	switch name {
	case "stripe":
		body = `{"id":"` + id + `","object":"event","api_version":"2025-01-01","created":1700000000,"data":{"object":` + object + `}}`
	case "slack":
		body = `{"token":"x","team_id":"T1","context_team_id":"T1","api_app_id":"A1","event":{"type":"message","user":"U1","ts":"1.2","text":"` +
			text + `","channel":"C1"},"type":"event_callback","event_id":"` + id + `","event_time":1700000000,"authorizations":[` +
			`{"enterprise_id":null,"team_id":"T1","user_id":"U2","is_bot":true}],"event_context":"4-eyJldCI6Im1lc3NhZ2UiLCJ0aWQiOiJUMSJ9"}`
	case "paddle":
		body = `{"event_id":"` + id + `","event_type":"transaction.paid","occurred_at":"2025-01-01T00:00:00Z","data":` + object + `}`
	case "square":
		body = `{"merchant_id":"M1","location_id":"L1","type":"payment.created","event_id":"` + id + `","created_at":"2025-01-01T00:00:00Z","data":` +
			object + `}`
	case "pagerduty":
		body = `{"event":{"id":"` + id + `","event_type":"incident.triggered","data":` + object + `}}`
	default:
		return nil
	}
	filler := strings.Repeat("lorem ipsum dolor ", size/18+1)
	return []byte(strings.Replace(body, text, filler[:size-len(body)+len(text)], 1))
}

func ready(tb testing.TB, scheme core.Scheme, secret string, now time.Time) *core.Verifier {
	tb.Helper()
	v, err := core.New(core.Secrets(secret), memstore.New(), &core.Config{
		Scheme: scheme, Clock: func() time.Time { return now }, DangerouslyReplayableAfterRestart: true,
	})
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

// BenchmarkVerify compares with core's own scheme, which comes first: only the
// ratios matter.
func BenchmarkVerify(b *testing.B) {
	now := time.Unix(1_700_000_000, 0)
	run := func(name string, v *core.Verifier, r *core.Request) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(b.Context(), r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	const key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	signer, err := core.NewSigner(key)
	if err != nil {
		b.Fatal(err)
	}
	body := around("evt_1", kilobyte, "id")
	r := request(body)
	if err := signer.Sign(asMap(r.Header), "msg_1", now, r.Body); err != nil {
		b.Fatal(err)
	}
	run("core-v1", ready(b, core.StandardWebhooks{}, key, now), r)
	for _, name := range families() {
		s := subjects()[name]
		content := kilobyte
		if name == "github" || name == "shopify" || name == "zoom" || name == "twitch" || name == "box" || name == "docusign" || name == "hubspot" || name == "webflow" {
			content = []byte(body)
		}
		v := ready(b, s.scheme, s.secret, now)
		if sent := asSent(name, "evt_1", len(body)); sent != nil {
			run(name, v, signBody(s.secret, name, now, sent))
			run(name+"-id-last", v, s.sign(s.secret, "evt_1", now, content)) // behind dense JSON: the worst there is
			continue
		}
		run(name, v, s.sign(s.secret, "evt_1", now, content))
	}
}

// signBody signs exactly this body. The senders of the table would wrap it in
// one of their own.
func signBody(secret, name string, at time.Time, body []byte) *core.Request {
	text := string(body)
	switch name {
	case "stripe":
		return request(text, "Stripe-Signature", "t="+seconds(at)+",v1="+hexMAC(secret, seconds(at)+"."+text))
	case "slack":
		return request(text, "X-Slack-Request-Timestamp", seconds(at), "X-Slack-Signature", "v0="+hexMAC(secret, "v0:"+seconds(at)+":"+text))
	case "paddle":
		return request(text, "Paddle-Signature", "ts="+seconds(at)+";h1="+hexMAC(secret, seconds(at)+":"+text))
	case "square":
		return request(text, "X-Square-Hmacsha256-Signature", base64MAC(secret, public+text))
	default:
		return request(text, "X-PagerDuty-Signature", "v1="+hexMAC(secret, text))
	}
}
