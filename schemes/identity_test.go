package schemes_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"hash"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
	"github.com/hookonce/hookonce/stores/memstore"
)

// receiver is a verifier with a clock that the test sets.
type receiver struct {
	*core.Verifier

	now time.Time
}

func receive(t *testing.T, scheme core.Scheme, repeats int, secrets ...string) *receiver {
	t.Helper()
	r := &receiver{now: remoteNow}
	v, err := core.New(core.Secrets(secrets...), memstore.New(), &core.Config{
		Scheme: scheme, Clock: func() time.Time { return r.now }, DangerouslyReplayableAfterRestart: true, Repeats: repeats,
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Verifier = v
	return r
}

// handles runs a request with this status of its handler. It checks that the
// handler runs, or that it does not for this reason.
func (v *receiver) handles(t *testing.T, what string, r *core.Request, status int, reason error) core.Message {
	t.Helper()
	d := v.Admit(t.Context(), r, atHand(r.Body))
	switch {
	case reason == nil && d.Answer() != nil:
		t.Errorf("%s: %v", what, d.Err())
	case reason != nil && (d.Answer() == nil || !errors.Is(d.Err(), reason)):
		t.Errorf("%s: got %v, want %v", what, d.Err(), reason)
	}
	d.Settle(status)
	m, _ := d.Message()
	return m
}

const (
	failed = http.StatusInternalServerError
	done   = http.StatusOK
)

// TestTheLastRetryOfAMessageThatIsSignedOnceIsHandled sends every attempt of the sender's schedule
// with the first signature.
func TestTheLastRetryOfAMessageThatIsSignedOnceIsHandled(t *testing.T) {
	t.Parallel()
	const m, h = time.Minute, time.Hour
	for name, tt := range map[string]struct {
		scheme core.Scheme
		gaps   []time.Duration
		total  time.Duration
	}{
		"mailgun": {schemes.Mailgun(), []time.Duration{5 * m, 10 * m, 15 * m, h, 2 * h, 4 * h}, 7*h + 30*m},
		"linear":  {schemes.Linear(), []time.Duration{m, h, 6 * h}, 7*h + m},
	} {
		r := request(bodyToSign(t, name))
		if err := schemes.Sign(tt.scheme, r, "", remoteNow, secret); err != nil {
			t.Fatal(err)
		}
		v := receive(t, tt.scheme, 0, secret)
		v.handles(t, name+", the first attempt", r, failed, nil)
		for i, gap := range tt.gaps {
			status := failed
			if i == len(tt.gaps)-1 {
				status = done
			}
			v.now = v.now.Add(gap)
			v.handles(t, name+", the retry after "+gap.String(), r, status, nil)
		}
		if late := v.now.Sub(remoteNow); late != tt.total {
			t.Errorf("%s: the schedule takes %v", name, late)
		}
		v.now = v.now.Add(time.Minute)
		v.handles(t, name+", once more", r, done, core.ErrRedelivery)
		v.now = remoteNow.Add(9 * time.Hour)
		v.handles(t, name+", hours later", r, done, core.ErrOutsideWindow)
	}
}

func TestARetryOfLinearRunsWhateverItsTimeAndDeliveryAre(t *testing.T) {
	t.Parallel()
	for _, newTime := range []bool{false, true} {
		for _, newDelivery := range []bool{false, true} {
			v := receive(t, schemes.Linear(), 0, secret)
			r := request(bodyToSign(t, "linear"))
			send := func(delivery string) *core.Request {
				if newTime || delivery == "d1" {
					if err := schemes.Sign(schemes.Linear(), r, "", v.now, secret); err != nil {
						t.Fatal(err)
					}
				}
				if newDelivery || delivery == "d1" {
					asMap(r.Header).Set("Linear-Delivery", delivery)
				}
				return r
			}
			v.handles(t, "the first attempt", send("d1"), failed, nil)
			v.now = v.now.Add(7*time.Hour + time.Minute)
			v.handles(t, "the retry", send("d2"), done, nil)
		}
	}
}

func TestShopifysNewerHeadersAreTheSameMessage(t *testing.T) {
	t.Parallel()
	const body = `{"id":1}`
	older := []string{"X-Shopify-Hmac-Sha256", base64MAC(secret, body), "X-Shopify-Webhook-Id", "w1", "X-Shopify-Topic", "orders/create"}
	newer := []string{"Shopify-Hmac-Sha256", base64MAC(secret, body), "Shopify-Event-Id", "e1", "Shopify-Topic", "Order"}

	v := receive(t, schemes.Shopify(), 0, secret)
	if m := v.handles(t, "newer", request(body, newer...), done, nil); m.ID != "e1" || m.Repeats != 0 {
		t.Errorf("newer: id %q, repeats %d", m.ID, m.Repeats)
	}
	v.handles(t, "newer, again", request(body, newer...), done, core.ErrRedelivery)
	other := append([]string{"Shopify-Webhook-Id", "w2"}, newer...)
	if m := v.handles(t, "newer, of another delivery", request(body, other...), done, nil); m.ID != "w2" || m.Repeats != 1 {
		t.Errorf("newer, with the id of a webhook: id %q, repeats %d", m.ID, m.Repeats)
	}
	other[5] = "e2" // beside the id of a webhook
	v.handles(t, "newer, with another event id beside", request(body, other...), done, core.ErrRedelivery)

	both := slices.Concat(older, newer)
	for _, tt := range []struct {
		name    string
		headers []string
	}{{"without the older ones", newer}, {"without the newer ones", older}} {
		v := receive(t, schemes.Shopify(), 1, secret)
		v.handles(t, "both", request(body, both...), done, nil)
		again := core.ErrRedelivery // with the newer ones gone, what counts is the same
		if tt.headers[0] == newer[0] {
			if m := v.handles(t, tt.name, request(body, tt.headers...), done, nil); m.Repeats != 1 {
				t.Errorf("%s: repeats %d", tt.name, m.Repeats)
			}
			tt.headers = append(tt.headers[:4:4], "Shopify-Topic", "Product")
			again = core.ErrRepeated
		}
		v.handles(t, tt.name+", once more", request(body, tt.headers...), done, again)
	}

	wrong := append([]string{"X-Shopify-Hmac-Sha256", base64MAC(stranger, body)}, newer...)
	receive(t, schemes.Shopify(), 0, secret).handles(t, "an older signature that is wrong", request(body, wrong...), done, core.ErrNoMatch)
	r := request(body, newer...)
	asMap(r.Header)["Shopify-Hmac-Sha256"] = append(asMap(r.Header)["Shopify-Hmac-Sha256"], base64MAC(stranger, body))
	receive(t, schemes.Shopify(), 0, secret).handles(t, "a newer signature twice", r, done, core.ErrMalformed)
	receive(t, schemes.Shopify(), 0, secret).handles(t, "no signature", request(body, newer[2:]...), done, core.ErrMissingHeader)
}

// twilioForm signs a form that was sent to an address. Headers may name another delivery.
func twilioForm(newHash func() hash.Hash, key, address string, form url.Values, headers ...string) *core.Request {
	m := hmac.New(newHash, []byte(key))
	m.Write([]byte(address))
	for _, name := range []string{"Body", "CallSid", "CallStatus", "MessageSid"} { // sorted
		if form.Has(name) {
			m.Write([]byte(name + form.Get(name)))
		}
	}
	r := request(form.Encode(), append([]string{
		"Content-Type", "application/x-www-form-urlencoded", "I-Twilio-Idempotency-Token", "t0",
		"X-Twilio-Signature", base64.StdEncoding.EncodeToString(m.Sum(nil)),
	}, headers...)...)
	_, rest, _ := strings.Cut(address, "://")
	r.URL = "/" + strings.SplitN(rest, "/", 2)[1]
	return r
}

func TestACallOfTwilioIsNeverAcknowledgedWithAnEmptyBody(t *testing.T) {
	t.Parallel()
	call, message := url.Values{"CallSid": {"CA1"}}, url.Values{"MessageSid": {"SM1"}}
	v := receive(t, schemes.Twilio(public), 2, secret)
	token := []string{"I-Twilio-Idempotency-Token", "t1"}
	v.handles(t, "a call", twilioForm(sha1.New, secret, public, call, token...), done, nil)
	for i := 1; i <= 2; i++ {
		if m := v.handles(t, "the same call", twilioForm(sha1.New, secret, public, call, token...), done, nil); m.Repeats != uint32(i) {
			t.Errorf("repeats %d, not %d", m.Repeats, i)
		}
	}
	v.handles(t, "the same call over the bound", twilioForm(sha1.New, secret, public, call, token...), done, core.ErrRepeated)
	v.handles(t, "a message", twilioForm(sha1.New, secret, public, message, token...), done, nil)
	v.handles(t, "the same message", twilioForm(sha1.New, secret, public, message, token...), done, core.ErrRedelivery)

	v = receive(t, schemes.Twilio("https://example.com"), 0, secret)
	get := twilioForm(sha1.New, secret, public+"?CallSid=CA1", nil)
	get.Method, get.Body = http.MethodGet, nil
	v.handles(t, "a call by GET", get, done, nil)
	v.handles(t, "the same call by GET", get, done, nil)
	get = twilioForm(sha1.New, secret, public+"?MessageSid=SM1", nil)
	get.Method, get.Body = http.MethodGet, nil
	v.handles(t, "a message by GET", get, done, nil)
	v.handles(t, "the same message by GET", get, done, core.ErrRedelivery)
}

func TestATwilioRequestIsVerifiedUnderTheAlgorithmThatItsSettingsNameAndNoOther(t *testing.T) {
	t.Parallel()
	const token, shared, settings = "4Q7rVb2nXk9wTz0s", "Hd8sKq3vLm1xPz6y", "X-Twilio-Webhooks-Signature-Settings"
	form := url.Values{"MessageSid": {"SM1"}}
	for _, tt := range []struct {
		name     string
		hash     func() hash.Hash
		key      string
		settings []string
		reason   error
	}{
		{"SHA-1 without settings", sha1.New, token, nil, nil},
		{"SHA-1 under a shared key", sha1.New, shared, []string{"key=k1,algorithm=HMAC_SHA1"}, nil},
		{"SHA-256 under a shared key", sha256.New, shared, []string{"key=k1,algorithm=HMAC_SHA256"}, nil},
		{"SHA-256, with spaces and small letters", sha256.New, shared, []string{" key = k1 , algorithm = hmac_sha256 "}, nil},
		{"SHA-256 without settings", sha256.New, shared, nil, core.ErrNoMatch},
		{"SHA-256 under settings of SHA-1", sha256.New, shared, []string{"key=k1,algorithm=HMAC_SHA1"}, core.ErrNoMatch},
		{"SHA-1 under settings of SHA-256", sha1.New, token, []string{"key=k1,algorithm=HMAC_SHA256"}, core.ErrNoMatch},
		{"SHA-256 of a stranger", sha256.New, stranger, []string{"key=k1,algorithm=HMAC_SHA256"}, core.ErrNoMatch},
		{"another algorithm", sha1.New, token, []string{"key=k1,algorithm=HMAC_MD5"}, core.ErrMalformed},
		{"no algorithm", sha1.New, token, []string{"key=k1"}, core.ErrMalformed},
		{"an empty algorithm", sha1.New, token, []string{"key=k1,algorithm="}, core.ErrMalformed},
		{"an algorithm twice", sha1.New, token, []string{"algorithm=HMAC_SHA1,algorithm=HMAC_SHA256"}, core.ErrMalformed},
		{"no list", sha1.New, token, []string{"HMAC_SHA1"}, core.ErrMalformed},
		{"empty settings", sha1.New, token, []string{""}, core.ErrMalformed},
		{"settings twice", sha1.New, token, []string{"algorithm=HMAC_SHA1", "algorithm=HMAC_SHA1"}, core.ErrMalformed},
		{"long settings", sha1.New, token, []string{"algorithm=HMAC_SHA1," + strings.Repeat("x", 5000) + "="}, core.ErrMalformed},
	} {
		r := twilioForm(tt.hash, tt.key, public, form)
		if tt.settings != nil {
			asMap(r.Header)[settings] = tt.settings
		}
		receive(t, schemes.Twilio(public), 0, token, shared).handles(t, tt.name, r, done, tt.reason)
	}

	// It is one message under either algorithm.
	v := receive(t, schemes.Twilio(public), 0, token, shared)
	v.handles(t, "SHA-1", twilioForm(sha1.New, token, public, form), done, nil)
	v.handles(t, "SHA-256", twilioForm(sha256.New, shared, public, form, settings, "key=k1,algorithm=HMAC_SHA256"), done, core.ErrRedelivery)

	r := request("MessageSid=SM2", "Content-Type", "application/x-www-form-urlencoded", settings, "key=k1,algorithm=HMAC_SHA256")
	if err := schemes.Sign(schemes.Twilio(public), r, "", v.now, shared); err != nil {
		t.Fatal(err)
	}
	if want := twilioForm(sha256.New, shared, public, url.Values{"MessageSid": {"SM2"}}); asMap(r.Header).Get("X-Twilio-Signature") != asMap(want.Header).Get("X-Twilio-Signature") {
		t.Error("Sign does not use the algorithm of the settings")
	}
	asMap(r.Header)[settings] = []string{"algorithm=none"}
	if err := schemes.Sign(schemes.Twilio(public), r, "", v.now, shared); !errors.Is(err, core.ErrMalformed) {
		t.Errorf("Sign with settings that are wrong: %v", err)
	}
}

func TestTwiliosAddressMayHaveTheDefaultPortOrNot(t *testing.T) {
	t.Parallel()
	form := url.Values{"MessageSid": {"SM1"}}
	for _, tt := range []struct {
		configured, signed string
		reason             error
	}{
		{"https://example.com/hook", "https://example.com:443/hook", nil},
		{"https://example.com:443/hook", "https://example.com/hook", nil},
		{"http://example.com/hook", "http://example.com:80/hook", nil},
		{"http://example.com:80/hook", "http://example.com/hook", nil},
		{"https://example.com", "https://example.com:443/hook?a=1", nil},
		{"https://example.com:443", "https://example.com/hook?a=1", nil},
		{"https://example.com/hook?a=1", "https://example.com:443/hook?a=1", nil},
		{"https://[2001:db8::1]/hook", "https://[2001:db8::1]:443/hook", nil},
		{"https://[2001:db8::1]:443/hook", "https://[2001:db8::1]/hook", nil},
		{"https://example.com:8443/hook", "https://example.com/hook", core.ErrNoMatch},
		{"https://example.com/hook", "https://example.com:80/hook", core.ErrNoMatch},
		{"https://example.com/hook", "https://example.com:4430/hook", core.ErrNoMatch},
		{"http://example.com/hook", "http://example.com:443/hook", core.ErrNoMatch},
		{"https://example.com/hook", "http://example.com/hook", core.ErrNoMatch},
	} {
		v := receive(t, schemes.Twilio(tt.configured), 0, secret)
		v.handles(t, tt.configured+" for "+tt.signed, twilioForm(sha1.New, secret, tt.signed, form), done, tt.reason)
		if tt.reason == nil { // the other form is the same message
			v.handles(t, tt.configured+" after "+tt.signed, twilioForm(sha1.New, secret, originOf(t, tt.configured)+
				strings.TrimPrefix(tt.signed, originOf(t, tt.signed)), form), done, core.ErrRedelivery)
		}
	}
}

func originOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Scheme + "://" + u.Host
}

func TestATargetOfTwilioCannotRunIntoThePort(t *testing.T) {
	t.Parallel()
	v := receive(t, schemes.Twilio("https://example.com"), 0, secret)
	genuine := twilioForm(sha1.New, secret, "https://example.com:443/hook", url.Values{"MessageSid": {"SM1"}})
	v.handles(t, "genuine", genuine, done, nil)
	for target, want := range map[string]error{
		":443/hook": core.ErrMalformed, "x/hook": core.ErrMalformed,
		"https://:443": core.ErrNoMatch, // another address: the one with the path "/"
	} {
		changed := &core.Request{Method: genuine.Method, URL: target, Header: genuine.Header, Body: genuine.Body}
		v.handles(t, target, changed, done, want)
	}
}

func TestWhatSlackAndDiscordShowIsNeverAcknowledgedWithAnEmptyBody(t *testing.T) {
	t.Parallel()
	discordSecret := subjects()["discord"].secret
	for _, tt := range []struct {
		name   string
		scheme core.Scheme
		secret string
		body   string
		reply  bool
		later  error // for an attempt a minute later
	}{
		{"an event of Slack", schemes.Slack(), secret, `{"event_id":"E1","event":{"type":"message"}}`, false, core.ErrRedelivery},
		{"a command of Slack", schemes.Slack(), secret, `command=%2Fdeploy&trigger_id=1`, true, nil},
		{"an interaction of Discord", schemes.Discord(), discordSecret, `{"id":"1","type":2,"data":{}}`, true, core.ErrReplay},
		{"an event of Discord", schemes.Discord(), discordSecret, `{"version":1,"type":1,"event":{"type":"ENTITLEMENT_CREATE"}}`, false, nil},
	} {
		v := receive(t, tt.scheme, 0, tt.secret)
		send := func() *core.Request {
			if tt.secret == discordSecret {
				return signDiscord(request(""), tt.body, v.now)
			}
			r := request(tt.body)
			if err := schemes.Sign(tt.scheme, r, "", v.now, tt.secret); err != nil {
				t.Fatal(err)
			}
			return r
		}
		v.handles(t, tt.name, send(), done, nil)
		v.handles(t, tt.name+", the same attempt", send(), done, core.ErrReplay)
		v.now = v.now.Add(time.Minute)
		v.handles(t, tt.name+", an attempt later", send(), done, tt.later)

		// The configuration may say that the sender signs once. Then nothing but Reply keeps a
		// command from being acknowledged.
		once, err := core.New(core.Secrets(tt.secret), memstore.New(), &core.Config{
			Scheme: tt.scheme, Clock: func() time.Time { return v.now }, SignsOnce: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		r := send()
		if !runs(once, r) {
			t.Errorf("%s, signed once: not handled", tt.name)
		}
		d := once.Admit(t.Context(), r, atHand(r.Body))
		if a := d.Answer(); a == nil || (a.Status >= 300) != tt.reply {
			t.Errorf("%s, signed once, again: %v", tt.name, d.Err())
		}
	}
}

// TestAHandledRequestOfTeamsOrACallOfPlivoIsRefusedWhenItComesAgain: what they show or do is the
// response, which is gone.
func TestAHandledRequestOfTeamsOrACallOfPlivoIsRefusedWhenItComesAgain(t *testing.T) {
	t.Parallel()
	teams, plivo := schemes.Teams(), schemes.Plivo(public)
	for _, tt := range []struct {
		name         string
		scheme       core.Scheme
		secret, body string
		again        error
	}{
		{"a message to a webhook of Teams", teams, inBase64(secret), `{"id":"1","type":"message","text":"deploy"}`, core.ErrReplay},
		{"a call of Plivo", plivo, secret, "CallUUID=c1&Event=StartApp", core.ErrReplay},
		{"a message of Plivo", plivo, secret, "MessageUUID=m1&Text=hello", core.ErrRedelivery},
	} {
		v := receive(t, tt.scheme, 0, tt.secret)
		r := request(tt.body, "Content-Type", "application/x-www-form-urlencoded")
		if err := schemes.Sign(tt.scheme, r, "1", v.now, tt.secret); err != nil {
			t.Fatal(err)
		}
		v.handles(t, tt.name, r, failed, nil)
		v.handles(t, tt.name+", its retry", r, done, nil)
		v.handles(t, tt.name+", handled", r, done, tt.again)
	}
}

// TestARetryOfPayPalWithATimeOfItsOwnIsTheSameMessage: whether PayPal sends such retries is not
// known.
func TestARetryOfPayPalWithATimeOfItsOwnIsTheSameMessage(t *testing.T) {
	t.Parallel()
	s := newPayPal(t)
	v := receive(t, s.scheme(s.now), 0, paypalWebhook)
	v.handles(t, "the first attempt", s.sign("id", remoteNow, []byte("{}")), done, nil)
	v.now = v.now.Add(time.Hour)
	v.handles(t, "a retry", s.sign("id", v.now, []byte("{}")), done, core.ErrRedelivery)
	v.handles(t, "another event under its id", s.sign("id", v.now, []byte("[]")), done, core.ErrIDReused)
}

// Stripe's test events have one id, of whatever type and content they are.
func TestTheConstantIDOfStripesTestEventsIdentifiesNone(t *testing.T) {
	t.Parallel()
	v := receive(t, schemes.Stripe(), 0, secret)
	send := func(body string) *core.Request {
		r := request(body)
		if err := schemes.Sign(schemes.Stripe(), r, "", v.now, secret); err != nil {
			t.Fatal(err)
		}
		return r
	}
	v.handles(t, "a test event", send(`{"id":"evt_00000000000000","type":"charge.paid","n":1}`), done, nil)
	v.handles(t, "another of its type", send(`{"id":"evt_00000000000000","type":"charge.paid","n":2}`), done, nil)
	v.handles(t, "an event", send(`{"id":"evt_1","type":"charge.paid","n":1}`), done, nil)
	v.now = v.now.Add(time.Minute)
	v.handles(t, "its retry, rendered anew", send(`{"id":"evt_1","type":"charge.paid","n":2}`), done, core.ErrRedelivery)
	v.handles(t, "another type under its id", send(`{"id":"evt_1","type":"charge.failed","n":1}`), done, core.ErrIDReused)
}

// A request with a header of one member's messages is no handshake of another.
func TestAMessageHeaderOfOneMemberIsNoHandshakeOfAnother(t *testing.T) {
	t.Parallel()
	both, err := schemes.Any("both", schemes.Shopify(), schemes.WooCommerce(schemes.AnswerHandshakes))
	if err != nil {
		t.Fatal(err)
	}
	for header, answered := range map[string]bool{
		"User-Agent": true, "X-Shopify-Topic": false, "Shopify-Topic": false, "Shopify-Webhook-Id": false, "Shopify-Event-Id": false,
		"Shopify-Hmac-Sha256": false, "X-Wc-Webhook-Topic": false,
	} {
		v := receive(t, both, 0, secret)
		r := request("webhook_id=1", "Content-Type", "application/x-www-form-urlencoded", header, "x")
		if got := v.Admit(t.Context(), r, atHand(r.Body)).Answer().Status == done; got != answered {
			t.Errorf("with %s it is answered: %t, want %t", header, got, answered)
		}
	}
}
