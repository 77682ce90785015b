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
	return []string{"github", "stripe", "slack", "shopify", "paddle", "zoom", "linear", "twitch", "square", "pagerduty", "box"}
}

// kilobyte is a JSON body of about 1 KiB in which the id comes last.
var kilobyte = []byte(`{"text":"` + strings.Repeat("lorem ipsum dolor ", 30) + `","list":[` + strings.Repeat(`{"a":1,"b":"c"},`, 24) + `null]}`)

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

// BenchmarkVerify is to be read as ratios to core's own scheme, which comes first.
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
	if err := signer.Sign(r.Header, "msg_1", now, r.Body); err != nil {
		b.Fatal(err)
	}
	run("core-v1", ready(b, core.StandardWebhooks{}, key, now), r)
	for _, name := range families() {
		s := subjects()[name]
		content := kilobyte
		if name == "github" || name == "shopify" || name == "zoom" || name == "twitch" || name == "box" {
			content = []byte(body)
		}
		run(name, ready(b, s.scheme, s.secret, now), s.sign(s.secret, "evt_1", now, content))
	}
}
