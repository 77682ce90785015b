package senders_test

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/senders"
	"github.com/hookonce/hookonce/schemes"
)

// first reports whether name is among the first candidates.
func first(guesser *senders.Guesser, header http.Header, name string) bool {
	all := guesser.Guess(header)
	return len(all) > 0 && slices.Contains(all[0].Names, name)
}

// TestTheSenderOfEverySignedRequestIsGuessed signs a request for every name that can be signed.
func TestTheSenderOfEverySignedRequestIsGuessed(t *testing.T) {
	t.Parallel()
	guesser, guessed := senders.NewGuesser(), 0
	for _, name := range schemes.Names() {
		settings := schemes.Settings{URL: "https://example.com/hook", Header: "X-Event-Id", DangerouslyReplayable: true}
		scheme, err := schemes.New(name, settings)
		if err != nil || senders.Headers(name) == nil {
			continue // its signature is in the body
		}
		secret := hex.EncodeToString(make([]byte, 32))
		if scheme.Name() == "standard" {
			secret = core.GenerateSecret()
		}
		r := &core.Request{
			Method: http.MethodPost, URL: "/hook", Header: http.Header{"Content-Type": {"application/json"}},
			Body: []byte(`{"id":"evt_1","webhookTimestamp":0,"event_id":"evt_1"}`),
		}
		if schemes.Sign(scheme, r, "", time.Unix(1_760_000_000, 0), secret) != nil {
			continue // only the sender can
		}
		guessed++
		if header, ok := r.Header.(http.Header); !ok || !first(guesser, header, name) {
			t.Errorf("%s: guessed %v by %v", name, guesser.Guess(header), header)
		}
	}
	t.Logf("%d senders guessed", guessed)
	if guessed < 120 {
		t.Errorf("only %d senders were guessed", guessed)
	}
}

// TestTheSenderOfEveryHeldRequestIsGuessed uses requests that senders published or their libraries
// accepted.
func TestTheSenderOfEveryHeldRequestIsGuessed(t *testing.T) {
	t.Parallel()
	guesser, guessed := senders.NewGuesser(), 0
	for _, name := range []string{"official.json", "libraries.json"} {
		var file struct {
			Vectors []struct {
				Name, Provider string
				Headers        map[string]string
			}
		}
		read(t, name, &file)
		for _, v := range file.Vectors {
			header := http.Header{}
			for name, value := range v.Headers {
				header.Set(name, value)
			}
			if senders.Headers(v.Provider) == nil {
				continue
			}
			guessed++
			if !first(guesser, header, v.Provider) {
				t.Errorf("%s: guessed %v by %v", v.Name, guesser.Guess(header), header)
			}
		}
	}
	if guessed < 35 {
		t.Errorf("only %d requests were held", guessed)
	}
}

// TestWhatASenderAddsDecides uses the headers that senders document.
func TestWhatASenderAddsDecides(t *testing.T) {
	t.Parallel()
	guesser := senders.NewGuesser()
	hub := "sha256=" + strings.Repeat("0", 64)
	for name, tt := range map[string]struct {
		header map[string]string
		want   []string // the first candidates; nil: none
	}{
		"github": {map[string]string{"X-GitHub-Event": "push", "X-GitHub-Delivery": "1", "X-Hub-Signature-256": hub}, []string{"github"}},
		"gitea sends GitHub's headers too": {map[string]string{
			"X-Gitea-Event": "push", "X-Gitea-Signature": hub[7:], "X-Gogs-Event": "push", "X-Gogs-Signature": hub[7:], "X-GitHub-Event": "push",
			"X-GitHub-Event-Type": "push", "X-GitHub-Delivery": "1", "X-Hub-Signature-256": hub,
		}, []string{"gitea"}},
		"GitLab signs as twenty others do": {map[string]string{
			"Webhook-Id": "1", "Webhook-Timestamp": "1760000000", "Webhook-Signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", "X-Gitlab-Event": "Push Hook",
		}, []string{"gitlab"}},
		"meta, to an endpoint at Vercel": {map[string]string{"X-Hub-Signature-256": hub, "X-Vercel-Id": "1"}, []string{"github", "meta", "whatsapp"}},
		"Wise, with the signature it had before": {map[string]string{
			"X-Signature-SHA256": "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", "X-Signature": "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
		}, []string{"wise"}},
		"SNS signs in the body":               {map[string]string{"X-Amz-Sns-Message-Type": "Notification"}, []string{"sns"}},
		"the name of a sender, not signed":    {map[string]string{"X-GitHub-Event": "push"}, nil},
		"any token":                           {map[string]string{"Authorization": "Bearer abc"}, nil},
		"any password":                        {map[string]string{"Authorization": "Basic YTpi"}, nil},
		"GitLab's token, beside its headers":  {map[string]string{"X-Gitlab-Token": "abc", "X-Gitlab-Event": "Push Hook"}, []string{"gitlab-token"}},
		"a host of endpoints and its headers": {map[string]string{"X-Render-Origin-Server": "a", "X-Vercel-Id": "b"}, nil},
	} {
		header := http.Header{}
		for name, value := range tt.header {
			header.Set(name, value)
		}
		all := guesser.Guess(header)
		if (len(all) == 0) != (tt.want == nil) || tt.want != nil && !slices.Equal(all[0].Names, tt.want) {
			t.Errorf("%s: %v", name, all)
		}
	}
}

// TestAHostOfEndpointsIsNotTheirSender uses the headers that Render adds to every request to its
// endpoints.
func TestAHostOfEndpointsIsNotTheirSender(t *testing.T) {
	t.Parallel()
	header := http.Header{
		"Webhook-Id": {"1"}, "Webhook-Timestamp": {"1760000000"}, "Webhook-Signature": {"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}, "X-Render-Origin-Server": {"a"},
	}
	if guesser := senders.NewGuesser(); !first(guesser, header, "resend") || !first(guesser, header, "render") {
		t.Errorf("guessed %v", guesser.Guess(header))
	}
}

func TestNoSenderIsGuessedFromRandomHeaders(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // repeatable
	usual := []string{
		"Accept", "Accept-Encoding", "Accept-Language", "Authorization", "Cache-Control", "Connection", "Content-Length", "Content-Type", "Cookie", "Date", "Digest",
		"Content-Digest", "Forwarded", "Host", "Idempotency-Key", "If-None-Match", "Origin", "Referer", "Traceparent", "Tracestate", "User-Agent", "Via",
		"X-Amzn-Trace-Id", "X-Api-Key", "X-Correlation-Id", "X-Event-Type", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "X-Request-Id",
		"X-Timestamp", "X-Vercel-Id", "X-Render-Origin-Server", "X-Github-Event", "X-Shopify-Topic", "Cf-Ray", "Cf-Connecting-Ip", "X-Csrf-Token",
	}
	values := []string{"1760000000", "Bearer abc.def.ghi", "Basic YTpi", "sha256=" + strings.Repeat("0", 64), "t=1760000000,v1=00", "v1,AAAA", "application/json", "", "*/*"}
	letters := func() string {
		b := make([]byte, 3+random.IntN(9))
		for i := range b {
			b[i] = byte('a' + random.IntN(26))
		}
		return string(b)
	}
	guesser, sets := senders.NewGuesser(), 10_000
	if testing.Short() {
		sets = 500
	}
	for range sets {
		header := http.Header{}
		for range 1 + random.IntN(12) {
			name := usual[random.IntN(len(usual))]
			if random.IntN(2) == 0 {
				name = []string{"X-%s-Signature", "%s-Signature", "X-%s", "X-%s-Timestamp", "%s-Id"}[random.IntN(5)]
				name = fmt.Sprintf(name, letters()+letters())
			}
			value := values[random.IntN(len(values))]
			if random.IntN(2) == 0 {
				value = letters()
			}
			header.Set(name, value)
		}
		if all := guesser.Guess(header); len(all) > 0 {
			t.Errorf("guessed %v by %v", all, header)
		}
	}
}
