package sdks_test

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"code.gitea.io/sdk/gitea"
	"github.com/PaddleHQ/paddle-go-sdk/v4"
	"github.com/PagerDuty/go-pagerduty/webhookv3"
	"github.com/buildkite/go-buildkite/v4"
	"github.com/google/go-github/v88/github"
	linewebhook "github.com/line/line-bot-sdk-go/v8/linebot/webhook"
	"github.com/mailgun/mailgun-go/v4"
	"github.com/pusher/pusher-http-go/v5"
	razorpay "github.com/razorpay/razorpay-go/utils"
	"github.com/resend/resend-go/v3"
	"github.com/sendgrid/sendgrid-go/helpers/eventwebhook"
	"github.com/slack-go/slack"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	stripe "github.com/stripe/stripe-go/v85/webhook"
	svix "github.com/svix/svix-webhooks/go"
	twilio "github.com/twilio/twilio-go/client"
	"github.com/wechatpay-apiv3/wechatpay-go/core/auth/validators"
	"github.com/wechatpay-apiv3/wechatpay-go/core/auth/verifiers"
)

// header returns the headers as a Go framework provides them.
func (r request) header() http.Header {
	h := make(http.Header)
	for name, value := range r.Headers {
		h.Set(name, value)
	}
	return h
}

// http returns r as a Go server receives it.
func (r request) http() *http.Request {
	u, err := url.Parse(r.URL)
	if err != nil {
		panic(err)
	}
	in, err := http.NewRequestWithContext(context.Background(), http.MethodPost, u.String(), bytes.NewReader(r.Body))
	if err != nil {
		panic(err)
	}
	in.Header = r.header()
	return in
}

// goLibrary is a Go library: its module, and how to ask it. An error means that it refuses.
type goLibrary struct {
	module string
	verify func(r request) error
	sign   func(r request, now time.Time) (map[string]string, error)
}

func accepted(ok bool, err error) error {
	if err == nil && !ok {
		return errors.New("false")
	}
	return err
}

func goLibraries() map[string]goLibrary {
	ctx := context.Background()
	return map[string]goLibrary{
		"standard": {
			"github.com/standard-webhooks/standard-webhooks/libraries", func(r request) error {
				hook, err := standardwebhooks.NewWebhook(r.Secret)
				if err != nil {
					return err
				}
				return hook.Verify(r.Body, r.header())
			}, func(r request, now time.Time) (map[string]string, error) {
				hook, err := standardwebhooks.NewWebhook(r.Secret)
				if err != nil {
					return nil, err
				}
				text, err := hook.Sign("msg_1", now, r.Body)
				return map[string]string{"Webhook-Id": "msg_1", "Webhook-Timestamp": seconds(now), "Webhook-Signature": text}, err
			},
		},
		"svix": {
			"github.com/svix/svix-webhooks", func(r request) error {
				hook, err := svix.NewWebhook(r.Secret)
				if err != nil {
					return err
				}
				return hook.Verify(r.Body, r.header())
			}, func(r request, now time.Time) (map[string]string, error) {
				hook, err := svix.NewWebhook(r.Secret)
				if err != nil {
					return nil, err
				}
				text, err := hook.Sign("msg_1", now, r.Body)
				return map[string]string{"Svix-Id": "msg_1", "Svix-Timestamp": seconds(now), "Svix-Signature": text}, err
			},
		},
		"resend": {module: "github.com/resend/resend-go/v3", verify: func(r request) error {
			return resend.NewClient("re_x").Webhooks.Verify(&resend.VerifyWebhookOptions{
				Payload: string(r.Body), WebhookSecret: r.Secret,
				Headers: resend.WebhookHeaders{Id: r.Headers["Webhook-Id"], Timestamp: r.Headers["Webhook-Timestamp"], Signature: r.Headers["Webhook-Signature"]},
			})
		}},
		"stripe": {
			"github.com/stripe/stripe-go/v85", func(r request) error {
				return stripe.ValidatePayload(r.Body, r.Headers["Stripe-Signature"], r.Secret)
			}, func(r request, now time.Time) (map[string]string, error) {
				signed := stripe.GenerateTestSignedPayload(&stripe.UnsignedPayload{Payload: r.Body, Secret: r.Secret, Timestamp: now})
				return map[string]string{"Stripe-Signature": signed.Header}, nil
			},
		},
		"slack": {module: "github.com/slack-go/slack", verify: func(r request) error {
			v, err := slack.NewSecretsVerifier(r.header(), r.Secret)
			if err != nil {
				return err
			}
			if _, err := v.Write(r.Body); err != nil {
				return err
			}
			return v.Ensure()
		}},
		"github": {module: "github.com/google/go-github/v88", verify: func(r request) error {
			return github.ValidateSignature(r.Headers["X-Hub-Signature-256"], r.Body, []byte(r.Secret))
		}},
		"twilio": {module: "github.com/twilio/twilio-go", verify: func(r request) error {
			v := twilio.NewRequestValidator(r.Secret)
			if r.Headers["Content-Type"] != "application/x-www-form-urlencoded" {
				return accepted(v.ValidateBody(r.URL, r.Body, r.Headers["X-Twilio-Signature"]), nil)
			}
			form, err := url.ParseQuery(string(r.Body))
			if err != nil {
				return err
			}
			params := make(map[string]string)
			for name := range form {
				params[name] = form.Get(name)
			}
			return accepted(v.Validate(r.URL, params, r.Headers["X-Twilio-Signature"]), nil)
		}},
		"pagerduty": {module: "github.com/PagerDuty/go-pagerduty", verify: func(r request) error {
			return webhookv3.VerifySignature(r.http(), r.Secret)
		}},
		"gitea": {module: "code.gitea.io/sdk/gitea", verify: func(r request) error {
			return accepted(gitea.VerifyWebhookSignature(r.Secret, r.Headers["X-Gitea-Signature"], r.Body))
		}},
		"mailgun": {module: "github.com/mailgun/mailgun-go/v4", verify: func(r request) error {
			var event struct{ Signature mailgun.Signature }
			if err := json.Unmarshal(r.Body, &event); err != nil {
				return err
			}
			client := mailgun.NewMailgun("example.com", "x")
			client.SetWebhookSigningKey(r.Secret)
			return accepted(client.VerifyWebhookSignature(event.Signature))
		}},
		"buildkite": {module: "github.com/buildkite/go-buildkite/v4", verify: func(r request) error {
			_, err := buildkite.ValidatePayload(r.http(), []byte(r.Secret))
			return err
		}},
		"paddle": {module: "github.com/PaddleHQ/paddle-go-sdk/v4", verify: func(r request) error {
			return accepted(paddle.NewWebhookVerifier(r.Secret).Verify(r.http()))
		}},
		"sendgrid": {module: "github.com/sendgrid/sendgrid-go", verify: func(r request) error {
			key, err := eventwebhook.ConvertPublicKeyBase64ToECDSA(r.Secret)
			if err != nil {
				return err
			}
			return accepted(eventwebhook.VerifySignature(
				key, r.Body, r.Headers["X-Twilio-Email-Event-Webhook-Signature"], r.Headers["X-Twilio-Email-Event-Webhook-Timestamp"]))
		}},
		"razorpay": {module: "github.com/razorpay/razorpay-go", verify: func(r request) error {
			return accepted(razorpay.VerifyWebhookSignature(string(r.Body), r.Headers["X-Razorpay-Signature"], r.Secret), nil)
		}},
		"line": {module: "github.com/line/line-bot-sdk-go/v8", verify: func(r request) error {
			return accepted(linewebhook.ValidateSignature(r.Secret, r.Headers["X-Line-Signature"], r.Body), nil)
		}},
		"pusher": {module: "github.com/pusher/pusher-http-go/v5", verify: func(r request) error {
			client := pusher.Client{AppID: "1", Key: "key", Secret: r.Secret}
			return afterSignature(func() error { _, err := client.Webhook(r.header(), r.Body); return err }())
		}},
		"wechatpay": {module: "github.com/wechatpay-apiv3/wechatpay-go", verify: func(r request) error {
			der, err := base64.StdEncoding.DecodeString(r.Secret)
			if err != nil {
				return err
			}
			key, err := x509.ParsePKIXPublicKey(der)
			if err != nil {
				return err
			}
			public, _ := key.(*rsa.PublicKey)
			in := r.http()
			in.Header.Set("Request-ID", "1")
			return validators.NewWechatPayNotifyValidator(verifiers.NewSHA256WithRSAPubkeyVerifier("PUB_KEY_ID_1", *public)).Validate(ctx, in)
		}},
	}
}

// afterSignature drops errors in reading the event, which some libraries do after the signature has
// matched.
func afterSignature(err error) error {
	if err == nil {
		return nil
	}
	for _, text := range []string{"json", "JSON", "unmarshal"} {
		if strings.Contains(err.Error(), text) {
			return nil
		}
	}
	return err
}

// goJudges returns the Go libraries, at the versions that go.mod pins.
func goJudges(t testing.TB) []judge {
	t.Helper()
	versions := make(map[string]string)
	pinned, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(pinned)) {
		if fields := strings.Fields(line); len(fields) >= 2 {
			versions[fields[0]] = fields[1]
		}
	}
	var all []judge
	for sender, l := range goLibraries() {
		if versions[l.module] == "" {
			t.Fatalf("%s is not in go.mod", l.module)
		}
		j := judge{name: sender + ".go", sender: sender, version: "Go " + l.module + "@" + versions[l.module]}
		j.verify = func(r request) (accepts bool, why string) {
			defer func() {
				if e := recover(); e != nil { // no verdict to rely on, but no acceptance either
					accepts, why = false, fmt.Sprintf("panic: %v", e)
				}
			}()
			if err := l.verify(r); err != nil {
				return false, err.Error()
			}
			return true, ""
		}
		if l.sign != nil {
			j.sign = func(r request) (request, bool) {
				headers, err := l.sign(r, time.Now())
				if err != nil {
					return r, false
				}
				r = r.clone()
				maps.Copy(r.Headers, headers)
				return r, true
			}
		}
		all = append(all, j)
	}
	return all
}
