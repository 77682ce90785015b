package schemes_test

import (
	"context"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gofiber/fiber/v2"
	"github.com/labstack/echo/v4"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/echowh"
	"github.com/hookonce/hookonce/fiberwh"
	"github.com/hookonce/hookonce/ginwh"
	"github.com/hookonce/hookonce/nethttp"
	"github.com/hookonce/hookonce/schemes"
	"github.com/hookonce/hookonce/stores/memstore"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	os.Exit(m.Run())
}

// frameworks serve every method on /hook with a handler that counts, and return the address.
func frameworks() map[string]func(t *testing.T, v *core.Verifier, runs *atomic.Int32) string {
	serve := func(t *testing.T, h http.Handler) string {
		t.Helper()
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return s.URL
	}
	return map[string]func(*testing.T, *core.Verifier, *atomic.Int32) string{
		"net/http": func(t *testing.T, v *core.Verifier, runs *atomic.Int32) string {
			mux := http.NewServeMux()
			mux.Handle("/hook", nethttp.New(v)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { runs.Add(1) })))
			return serve(t, mux)
		},
		"gin": func(t *testing.T, v *core.Verifier, runs *atomic.Int32) string {
			g := gin.New()
			g.Any("/hook", ginwh.New(v), func(*gin.Context) { runs.Add(1) })
			return serve(t, g)
		},
		"echo": func(t *testing.T, v *core.Verifier, runs *atomic.Int32) string {
			e := echo.New()
			e.Any("/hook", func(echo.Context) error { runs.Add(1); return nil }, echowh.New(v))
			return serve(t, e)
		},
		"fiber": func(t *testing.T, v *core.Verifier, runs *atomic.Int32) string {
			app := fiber.New(fiber.Config{DisableStartupMessage: true, ReadTimeout: 5 * time.Second})
			app.All("/hook", fiberwh.New(v), func(*fiber.Ctx) error { runs.Add(1); return nil })
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			go func() { _ = app.Listener(l) }()
			t.Cleanup(func() { _ = app.Shutdown() })
			return "http://" + l.Addr().String()
		},
	}
}

// challenge describes how a provider verifies an endpoint.
type challenge struct {
	name   string
	scheme core.Scheme
	secret string
	ask    *core.Request
	status int
	body   string
	header http.Header // some of the answer's
}

func challenges() []challenge {
	now := time.Now()
	of := func(name string) (core.Scheme, sender) { s := subjects()[name]; return s.scheme, s.sign }
	slack, _ := of("slack")
	zoom, signZoom := of("zoom")
	front, signFront := of("front")
	challenged := func(r *core.Request, challenge string) *core.Request {
		asMap(r.Header).Set("X-Front-Challenge", challenge)
		return r
	}
	twitch, signTwitch := of("twitch")
	discord := subjects()["discord"]
	asana, signAsana := of("asana")
	text := http.Header{"Content-Type": {"text/plain; charset=utf-8"}, "X-Content-Type-Options": {"nosniff"}}
	inJSON := http.Header{"Content-Type": {"application/json"}, "X-Content-Type-Options": {"nosniff"}}
	get := func(target string, headers ...string) *core.Request {
		r := request("", headers...)
		r.Method, r.URL = http.MethodGet, target
		return r
	}
	slackBody := `{"type":"url_verification","token":"x","challenge":"3eZbrw1aB<b>"}`
	discordSign := func(body string) *core.Request {
		r := discord.sign("", "x", now, nil)
		return signDiscord(r, body, now)
	}
	options := request("", "WebHook-Request-Origin", "eventemitter.example.com")
	options.Method = http.MethodOptions
	grid := request(`[{"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","data":{"validationCode":"512d38b6"}}]`, "Aeg-Event-Type", "SubscriptionValidation")
	grid.URL = "/hook?key=" + secret
	graphAsk := request("")
	graphAsk.URL = "/hook?validationToken=Validation%3A+Testing+client"
	return []challenge{
		{
			"slack", slack, secret, request(slackBody, "X-Slack-Request-Timestamp", seconds(now), "X-Slack-Signature", "v0="+hexMAC(secret, "v0:"+seconds(now)+":"+slackBody)),
			200, "3eZbrw1aB<b>", text,
		},
		{
			"front", front, secret, challenged(signFront(secret, "", now, []byte(`{"type":"sync","authorization":{"id":"cmp_abc"}}`)), "5b<7e>"),
			200, `{"challenge":"5b\u003c7e\u003e"}`, inJSON,
		},
		{"front, without a challenge", front, secret, signFront(secret, "", now, []byte(`{"type":"sync"}`)), 400, "", text},
		{
			"zoom", zoom, secret, signZoom(secret, "", now, []byte(`{"event":"endpoint.url_validation","payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"}}`)),
			200, `{"encryptedToken":"` + hexMAC(secret, "qgg8vlvZRS6UYooatFL8Aw") + `","plainToken":"qgg8vlvZRS6UYooatFL8Aw"}`, inJSON,
		},
		{
			"zoom, asked to sign a text of somebody's choice", zoom, secret,
			signZoom(secret, "", now, []byte(`{"event":"endpoint.url_validation","payload":{"plainToken":"v0:1700000000:{}"}}`)), 400, "", text,
		},
		{
			"twitch", twitch, secret, signTwitch(secret, "x", now, []byte(`{"challenge":"pogchamp-kappa","subscription":{"status":"webhook_callback_verification_pending"}}`)),
			200, "pogchamp-kappa", text,
		},
		{"discord interactions", discord.scheme, discord.secret, discordSign(`{"id":"1","token":"x","type":1,"version":1}`), 200, `{"type":1}`, inJSON},
		{"discord events", discord.scheme, discord.secret, discordSign(`{"version":1,"application_id":"1","type":0}`), 204, "", nil},
		{"asana heartbeat", asana, secret, signAsana(secret, "", now, []byte(`{"events":[]}`)), 200, "", nil},
		{
			"asana", schemes.Asana(func(s string) bool { return s == "b537207f20cbfa02357cf448134da559" }), secret,
			request("{}", "X-Hook-Secret", "b537207f20cbfa02357cf448134da559"), 204, "",
			http.Header{"X-Hook-Secret": {"b537207f20cbfa02357cf448134da559"}},
		},
		{"asana, when none is pending", schemes.Asana(func(string) bool { return false }), secret, request("{}", "X-Hook-Secret", "b5"), 403, "", text},
		{"meta", schemes.Meta("my-token"), secret, get("/hook?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=my-token"), 200, "1158201444", text},
		{"meta with another token", schemes.Meta("my-token"), secret, get("/hook?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=x"), 403, "", text},
		{"dropbox", schemes.DangerouslyReplayableDropbox(schemes.AnswerHandshakes), secret, get("/hook?challenge=%3Cb%3Eabc"), 200, "<b>abc", text},
		{"dropbox, not asked for", schemes.DangerouslyReplayableDropbox(schemes.IgnoreHandshakes), secret, get("/hook?challenge=abc"), 400, "", nil},
		{
			"okta", schemes.DangerouslyReplayableOkta(schemes.AnswerHandshakes), secret, get("/hook", "X-Okta-Verification-Challenge", "my-challenge"),
			200, `{"verification":"my-challenge"}`, inJSON,
		},
		{"graph", schemes.DangerouslyReplayableGraph(schemes.AnswerHandshakes), secret, graphAsk, 200, "Validation: Testing client", text},
		{"event grid", schemes.DangerouslyReplayableEventGrid("key"), secret, grid, 200, `{"validationResponse":"512d38b6"}`, inJSON},
		{
			"cloudevents", schemes.CloudEvents(schemes.GitHub(), "eventemitter.example.com"), secret, options, 200, "",
			http.Header{"Webhook-Allowed-Origin": {"eventemitter.example.com"}, "Webhook-Allowed-Rate": {"*"}},
		},
		{"cloudevents of another origin", schemes.CloudEvents(schemes.GitHub(), "other.example.com"), secret, options, 403, "", nil},
	}
}

func TestEveryChallengeIsAnsweredInEveryFramework(t *testing.T) {
	t.Parallel()
	began := time.Now() // and the cases' turn may come late on a busy machine
	for name, serve := range frameworks() {
		for _, c := range challenges() {
			t.Run(name+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				var runs atomic.Int32
				store := memstore.New()
				var seen events
				v, err := core.New(core.Secrets(c.secret), store, &core.Config{
					Scheme: c.scheme, DangerouslyReplayableAfterRestart: true, Observe: seen.add, Clock: func() time.Time { return began },
				})
				if err != nil {
					t.Fatal(err)
				}
				base := serve(t, v, &runs)
				got, body := send(t, base, c.ask)
				if got.StatusCode != c.status || c.status < 400 && body != c.body {
					t.Errorf("answered %d %q, want %d %q", got.StatusCode, body, c.status, c.body)
				}
				for name, values := range c.header {
					if got.Header.Get(name) != values[0] {
						t.Errorf("%s is %q, want %q", name, got.Header.Get(name), values[0])
					}
				}
				if e := seen.take(); len(e) != 1 || e[0].Status != c.status || c.status < 400 && (e[0].Reason != core.Handled || !e[0].Handshake) {
					t.Errorf("observed %+v", e)
				}
				// A challenge that is usually signed gets no response without its signature.
				for header, values := range asMap(c.ask.Header) {
					if !strings.Contains(header, "Signature") || strings.Contains(header, "Timestamp") {
						continue
					}
					forged := *c.ask
					forged.Header = c.ask.Header.Clone()
					asMap(forged.Header).Set(header, strings.Map(func(r rune) rune {
						if r == 'a' || r == '0' {
							return 'b'
						}
						return r
					}, values[0])+"0")
					if answer, _ := send(t, base, &forged); answer.StatusCode < 400 {
						t.Errorf("forged %s: answered %d", header, answer.StatusCode)
					}
				}
				if runs.Load() != 0 || store.Stats().Records != 0 {
					t.Errorf("the handler ran %d times, and the store has %d records", runs.Load(), store.Stats().Records)
				}
			})
		}
	}
}

// events collects the events of an observer.
type events struct {
	mu  sync.Mutex
	all []core.Event
}

func (e *events) add(_ context.Context, event core.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, event)
}

func (e *events) take() []core.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := e.all
	e.all = nil
	return all
}

// asked is a handshake that only its body identifies, or whose response depends
// on the key, with the expected result.
type asked struct {
	name   string
	scheme core.Scheme
	ask    *core.Request
	reason core.Reason
	status int
	body   string
}

func bodyHandshakes() []asked {
	now := time.Now()
	ok := func(name string, scheme core.Scheme, ask *core.Request, body string) asked {
		return asked{name, scheme, ask, core.Handled, http.StatusOK, body}
	}
	missing := func(name string, scheme core.Scheme, ask *core.Request) asked {
		return asked{name, scheme, ask, core.ErrMissingHeader, http.StatusBadRequest, ""}
	}
	with := func(ask *core.Request, change func(r *core.Request)) *core.Request { change(ask); return ask }
	header := func(name, value string) func(*core.Request) {
		return func(r *core.Request) { asMap(r.Header).Set(name, value) }
	}
	large := func(r *core.Request) { r.Body = append(r.Body, strings.Repeat(" ", 16<<10)...) }
	const form, inJSON = "application/x-www-form-urlencoded", "application/json; charset=utf-8"

	woo, wooSilent := schemes.WooCommerce(schemes.AnswerHandshakes), schemes.WooCommerce()
	ping := func(body string) *core.Request { return request(body, "Content-Type", form) }
	both, err := schemes.Any("shop", schemes.Shopify(), woo)
	if err != nil {
		panic(err)
	}
	all := []asked{
		ok("woocommerce", woo, ping("webhook_id=42"), ""),
		ok("woocommerce behind CloudEvents", schemes.CloudEvents(woo, "example.com"), ping("webhook_id=42"), ""),
		ok("woocommerce as a member of Any", both, ping("webhook_id=42"), ""),
		missing("woocommerce as a member of Any, with a header of the other member", both, with(ping("webhook_id=42"), header("X-Shopify-Topic", "orders/create"))),
		missing("woocommerce, not asked for", wooSilent, ping("webhook_id=42")),
		missing("woocommerce as JSON", woo, with(ping("webhook_id=42"), header("Content-Type", "application/json"))),
		missing("woocommerce without a type", woo, request("webhook_id=42")),
		missing("woocommerce by PUT", woo, with(ping("webhook_id=42"), func(r *core.Request) { r.Method = http.MethodPut })),
		missing("woocommerce, too large", woo, with(ping("webhook_id=42"), large)),
		{"woocommerce with a signature", woo, with(ping("webhook_id=42"), header("X-WC-Webhook-Signature", base64MAC(stranger, "webhook_id=42"))), core.ErrNoMatch, 401, ""},
	}
	for _, name := range []string{"Topic", "Delivery-ID", "ID", "Source", "Resource", "Event"} {
		all = append(all, missing("woocommerce with X-WC-Webhook-"+name, woo, with(ping("webhook_id=42"), header("X-WC-Webhook-"+name, "1"))))
	}
	for _, body := range []string{"", "webhook_id=", "webhook_id=0", "webhook_id=-1", "webhook_id=4x", "webhook_id=42&webhook_id=42", " webhook_id=42", "webhook_id=42\n", "{}"} {
		all = append(all, missing("woocommerce with "+strconv.Quote(body), woo, ping(body)))
	}

	const token = "v3rify-Token"
	lark, larkSilent := schemes.Lark(token), schemes.Lark("")
	verification := func(challenge, token string) string {
		return `{"challenge":"` + challenge + `","token":"` + token + `","type":"url_verification"}`
	}
	open := func(body string) *core.Request { return request(body, "Content-Type", inJSON) }
	sealed := func(key, body string) *core.Request { return open(`{"encrypt":"` + larkEncrypt(key, body) + `"}`) }
	genuine := verification("ajls384kdjx98XX", token)
	const echo = `{"challenge":"ajls384kdjx98XX"}`
	for kind, ask := range map[string]func(body string) *core.Request{
		"lark": open, "lark, encrypted,": func(body string) *core.Request { return sealed(secret, body) },
	} {
		all = append(
			all,
			ok(kind, lark, ask(genuine), echo),
			missing(kind+" without a configured token", larkSilent, ask(genuine)),
			missing(kind+" with another token", lark, ask(verification("ajls384kdjx98XX", "v3rify-Tokem"))),
			missing(kind+" without a token", lark, ask(`{"challenge":"ajls384kdjx98XX","type":"url_verification"}`)),
			missing(kind+" with a text to show", lark, ask(verification("<script>", token))),
			missing(kind+" with a long text", lark, ask(verification(strings.Repeat("a", 129), token))),
			missing(kind+" of another type", lark, ask(strings.Replace(genuine, "url_verification", "event_callback", 1))),
			missing(kind+" as a form", lark, with(ask(genuine), header("Content-Type", form))),
			missing(kind+" too large", lark, with(ask(genuine), large)),
			missing(kind+" with a nonce", lark, with(ask(genuine), header("X-Lark-Request-Nonce", "1"))),
			missing(kind+" with a time", lark, with(ask(genuine), header("X-Lark-Request-Timestamp", seconds(now)))),
			missing(kind+" with a signature alone", lark, with(ask(genuine), header("X-Lark-Signature", strings.Repeat("0", 64)))),
			asked{kind + " with a wrong signature", lark, signLark(stranger, now, string(ask(genuine).Body)), core.ErrNoMatch, 401, ""},
			ok(kind+" with a signature", larkSilent, signLark(secret, now, string(ask(genuine).Body)), echo),
		)
	}
	all = append(
		all,
		missing("lark, encrypted under another key", lark, sealed(stranger, genuine)),
		missing("lark, encrypted, cut", lark, open(`{"encrypt":"`+larkEncrypt(secret, genuine)[:24]+`"}`)),
		missing("lark, encrypted, empty", lark, open(`{"encrypt":"AAAA"}`)),
	)

	const handedOver = "secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl"
	notion := schemes.Notion(func(token string) bool { return token == handedOver })
	hand := func(token string) *core.Request { return open(`{"verification_token":"` + token + `"}`) }
	all = append(
		all,
		ok("notion", notion, hand(handedOver), ""),
		asked{"notion, when none is pending", notion, hand("secret_other"), core.Handled, http.StatusForbidden, ""},
		missing("notion, not asked for", schemes.Notion(nil), hand(handedOver)),
		missing("notion with something else than a token", notion, hand("x")),
		missing("notion with a token that is no text", notion, hand(`secret_\u0000`)),
		missing("notion with an event", notion, open(`{"id":"x","type":"page.created"}`)),
		missing("notion as text", notion, with(hand(handedOver), header("Content-Type", "text/plain"))),
		missing("notion, too large", notion, with(hand(handedOver), large)),
		asked{"notion with a signature", notion, with(hand(handedOver), header("X-Notion-Signature", "sha256="+hexMAC(stranger, "x"))), core.ErrNoMatch, 401, ""},
		missing("notion with a signature of another form", notion, with(hand(handedOver), header("X-Notion-Signature", "md5=00"))),
	)

	x := schemes.X(schemes.AnswerHandshakes)
	crc := func(target string) *core.Request {
		r := request("")
		r.Method, r.URL = http.MethodGet, target
		return r
	}
	all = append(
		all,
		ok("x", x, crc("/hook?crc_token=MjQ1N2U1_-9&nonce=abc"), `{"response_token":"sha256=`+base64MAC(secret, "MjQ1N2U1_-9")+`"}`),
		missing("x, not asked for", schemes.X(schemes.IgnoreHandshakes), crc("/hook?crc_token=abc")),
		missing("x by POST", x, with(crc("/hook?crc_token=abc"), func(r *core.Request) { r.Method = http.MethodPost })),
		missing("x with a body", x, with(crc("/hook?crc_token=abc"), func(r *core.Request) { r.Body = []byte("{}") })),
		missing("x, too large", x, with(crc("/hook?crc_token=abc"), large)),
		missing("x without a token", x, crc("/hook")),
		missing("x with two tokens", x, crc("/hook?crc_token=abc&crc_token=abd")),
		missing("x with a message as its token", x, crc("/hook?crc_token="+url.QueryEscape(`{"a":1}`))),
		missing("x with a long token", x, crc("/hook?crc_token="+strings.Repeat("a", 129))),
		missing("x with a signature of another form", x, with(crc("/hook?crc_token=abc"), header("X-Twitter-Webhooks-Signature", "00"))),
		asked{"x with a signature", x, with(crc("/hook?crc_token=abc"), header("X-Twitter-Webhooks-Signature-OAuth2", "sha256="+base64MAC(secret, ""))), core.ErrMalformed, 400, ""},
	)
	// The sender's library made this response. A secret without the public key cannot make one.
	braintree := schemes.Braintree(schemes.AnswerHandshakes)
	const challenge = "/hook?bt_challenge=20f9f8ed05f77439fe955c977e4c8a53"
	all = append(
		all,
		missing("braintree with the private key alone", braintree, crc(challenge)),
		missing("braintree, not asked for", schemes.Braintree(schemes.IgnoreHandshakes), crc(challenge)),
		missing("braintree with a payload as its challenge", braintree, crc("/hook?bt_challenge="+strings.Repeat("ab", 17))),
		missing("braintree with a short challenge", braintree, crc("/hook?bt_challenge=20f9f8ed")),
		missing("braintree with capitals", braintree, crc("/hook?bt_challenge=20F9F8ED05F77439FE955C977E4C8A53")),
	)
	linkedIn := schemes.LinkedIn(schemes.AnswerHandshakes)
	all = append(
		all,
		ok("linkedin", linkedIn, crc("/hook?challengeCode=890e4665-4dfe-4ab1-b689-ed553bceeed0"),
			`{"challengeCode":"890e4665-4dfe-4ab1-b689-ed553bceeed0","challengeResponse":"`+hexMAC(secret, "890e4665-4dfe-4ab1-b689-ed553bceeed0")+`"}`),
		missing("linkedin, not asked for", schemes.LinkedIn(schemes.IgnoreHandshakes), crc("/hook?challengeCode=abc")),
		missing("linkedin by POST", linkedIn, with(crc("/hook?challengeCode=abc"), func(r *core.Request) { r.Method = http.MethodPost })),
		missing("linkedin with two codes", linkedIn, crc("/hook?challengeCode=abc&challengeCode=abd")),
		missing("linkedin with a message as its code", linkedIn, crc("/hook?challengeCode="+url.QueryEscape(`hmacsha256={"a":1}`))),
	)
	return all
}

func TestEveryHandshakeInABodyIsAnsweredInEveryFramework(t *testing.T) {
	t.Parallel()
	began := time.Now() // as above
	for name, serve := range frameworks() {
		for _, c := range bodyHandshakes() {
			t.Run(name+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				var runs atomic.Int32
				var seen events
				store := memstore.New()
				v, err := core.New(core.Secrets(secret).From("acme"), store, &core.Config{
					Scheme: c.scheme, DangerouslyReplayableAfterRestart: true, Observe: seen.add, Clock: func() time.Time { return began },
				})
				if err != nil {
					t.Fatal(err)
				}
				got, body := send(t, serve(t, v, &runs), c.ask)
				if got.StatusCode != c.status || c.status < 400 && body != c.body {
					t.Errorf("answered %d %q, want %d %q", got.StatusCode, body, c.status, c.body)
				}
				if got.StatusCode < 400 && got.Header.Get("Cache-Control") != "no-store" {
					t.Error("the answer may be cached")
				}
				e := seen.take()
				if len(e) != 1 || e[0].Reason != c.reason || e[0].Status != c.status || e[0].Handshake != (c.reason == core.Handled) {
					t.Fatalf("observed %+v", e)
				}
				if e[0].Handshake && (e[0].Source != "acme" || e[0].Err != nil || e[0].BodyBytes != len(c.ask.Body)) {
					t.Errorf("observed %+v", e)
				}
				if runs.Load() != 0 || store.Stats().Records != 0 {
					t.Errorf("the handler ran %d times, and the store has %d records", runs.Load(), store.Stats().Records)
				}
			})
		}
	}
}

func TestAnAnswerToXIsNoSignatureOfAnotherScheme(t *testing.T) {
	t.Parallel()
	if _, err := schemes.Any("both", schemes.GitHub(), schemes.X(schemes.AnswerHandshakes)); err == nil || !strings.Contains(err.Error(), "handshakes") {
		t.Errorf("X that answers handshakes is a member of Any: %v", err)
	}
	if _, err := schemes.Any("both", schemes.GitHub(), schemes.X(schemes.IgnoreHandshakes)); err != nil {
		t.Error(err)
	}
	v := verifier(t, schemes.X(schemes.IgnoreHandshakes), time.Now(), secret)
	for body, ok := range map[string]bool{`{"a":1}`: true, "abc": false, "123": false, "true": false, "": false, `"abc"`: false, "\n{}": false} {
		_, err := v.Verify(t.Context(), request(body, "X-Twitter-Webhooks-Signature", "sha256="+base64MAC(secret, body)))
		if (err == nil) != ok {
			t.Errorf("a signed body %q: %v", body, err)
		}
	}
}

// TestAHashOfLarkCannotBeContinued extends a captured message without the key.
// The plain hash allows that to anybody who knows the length of the key.
func TestAHashOfLarkCannotBeContinued(t *testing.T) {
	t.Parallel()
	now := time.Now()
	r := signLark(secret, now, `{"encrypt":"AAAA"}`)
	v := verifier(t, schemes.Lark(""), now, secret)
	if _, err := v.Verify(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	signed := len(seconds(now)+asMap(r.Header).Get("X-Lark-Request-Nonce")+secret) + len(r.Body)
	padding := make([]byte, (64-(signed+9)%64)%64+9)
	padding[0] = 0x80
	binary.BigEndian.PutUint64(padding[len(padding)-8:], uint64(signed)*8)
	sum, err := hex.DecodeString(asMap(r.Header).Get("X-Lark-Signature"))
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	state := append([]byte("sha\x03"), sum...)
	state = append(state, make([]byte, 64)...)
	state = binary.BigEndian.AppendUint64(state, uint64(signed+len(padding)))
	u, _ := h.(encoding.BinaryUnmarshaler)
	if err := u.UnmarshalBinary(state); err != nil {
		t.Fatal(err)
	}
	const more = `{"encrypt":"BBBB"}`
	h.Write([]byte(more))
	forged := hex.EncodeToString(h.Sum(nil))
	r.Body = append(append(r.Body, padding...), more...)
	if want := sha256.Sum256([]byte(seconds(now) + asMap(r.Header).Get("X-Lark-Request-Nonce") + secret + string(r.Body))); hex.EncodeToString(want[:]) != forged {
		t.Fatal("the attack is not the one that it should be")
	}
	asMap(r.Header).Set("X-Lark-Signature", forged)
	if _, err := v.Verify(t.Context(), r); !errors.Is(err, core.ErrMalformed) {
		t.Errorf("a message that was made without the key: %v", err)
	}
}

func send(t *testing.T, base string, ask *core.Request) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), ask.Method, base+ask.URL, strings.NewReader(string(ask.Body)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = ask.Header.Clone()
	// Not the default client: every test server closes its idle connections when it stops.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}

// TestAnEndpointIsShownToTrelloAndNylasOnlyIfAsked: neither signs the request
// by which it verifies the endpoint.
func TestAnEndpointIsShownToTrelloAndNylasOnlyIfAsked(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		scheme           func(schemes.Handshake) core.Scheme
		method, target   string
		header, want     string
		method2, target2 string
	}{
		"trello": {
			func(h schemes.Handshake) core.Scheme { return schemes.Trello(public, h) },
			http.MethodHead, "/hook", "X-Trello-Webhook", "", http.MethodGet, "/hook",
		},
		"nylas": {schemes.Nylas, http.MethodGet, "/hook?challenge=a-b_C1", "X-Nylas-Signature", "a-b_C1", http.MethodGet, "/hook?challenge=<script>"},
	} {
		ask := func(h schemes.Handshake, method, target string, headers ...string) *core.Answer {
			r := request("", headers...)
			r.Method, r.URL = method, target
			return core.FactsOf(tt.scheme(h)).Handshake(r)
		}
		answer := ask(schemes.AnswerHandshakes, tt.method, tt.target)
		if answer == nil || answer.Status != http.StatusOK || string(answer.Body) != tt.want {
			t.Errorf("%s: answered %+v", name, answer)
		}
		for what, other := range map[string]*core.Answer{
			"without being asked": ask(schemes.IgnoreHandshakes, tt.method, tt.target),
			"another request":     ask(schemes.AnswerHandshakes, tt.method2, tt.target2),
			"with POST":           ask(schemes.AnswerHandshakes, http.MethodPost, tt.target),
			"with a signature":    ask(schemes.AnswerHandshakes, tt.method, tt.target, tt.header, "AA"),
		} {
			if other != nil {
				t.Errorf("%s, %s: answered %+v", name, what, other)
			}
		}
	}
}

// A member responds to its sender's signed challenge as it does alone. A
// challenge needs no id.
func TestEveryChallengeIsAnsweredByAMemberOfAny(t *testing.T) {
	t.Parallel()
	answered := map[string]bool{}
	for _, c := range challenges() {
		f := core.FactsOf(c.scheme)
		if f.Challenge == nil || f.IdentifiedBy == "" || f.SignsHandshakes {
			continue
		}
		partner := schemes.Template{Name: "partner", Signature: schemes.Header("Partner-Signature"), Stamping: c.scheme.Stamping(), Content: "{body}"}
		if f.IdentifiedBy != "{body}" {
			partner.ID = schemes.JSON(strings.Split(f.IdentifiedBy[1:], "/")...)
		}
		if partner.Stamping != core.NotStamped {
			partner.Timestamp, partner.Content = schemes.Header("Partner-Time"), "{timestamp}.{body}"
		}
		other, err := partner.Scheme()
		if err != nil {
			t.Fatal(err)
		}
		both, err := schemes.Any("both", other, c.scheme)
		if err != nil {
			t.Fatal(err)
		}
		text := c.secret
		if f.PublicKeys {
			text = c.scheme.Name() + ":" + text
		}
		answered[c.scheme.Name()] = true
		v := receive(t, both, 0, text)
		v.now = time.Now()
		d := v.Admit(t.Context(), c.ask, atHand(c.ask.Body))
		if a := d.Answer(); a == nil || a.Status != c.status || c.status < 400 && string(a.Body) != c.body {
			t.Errorf("%s: answered %+v (%v), want %d %q", c.name, a, d.Err(), c.status, c.body)
		}
	}
	for _, name := range []string{"slack", "discord", "asana"} {
		if !answered[name] {
			t.Errorf("%s was not asked: %v", name, answered)
		}
	}
	both, err := schemes.Any("both", schemes.Slack(), schemes.Paddle())
	if err != nil {
		t.Fatal(err)
	}
	v := receive(t, both, 0, secret)
	v.now = time.Now()
	const command = `{"type":"none"}`
	r := request(command)
	if err := schemes.Sign(schemes.Slack(), r, "", v.now, secret); err != nil {
		t.Fatal(err)
	}
	v.handles(t, "a message that has no id and asks nothing", r, http.StatusBadRequest, core.ErrMalformed)
}

// TestBraintreeIsAnsweredAsItsLibraryAnswers compares with a response that the
// library made.
func TestBraintreeIsAnsweredAsItsLibraryAnswers(t *testing.T) {
	t.Parallel()
	scheme := schemes.Braintree(schemes.AnswerHandshakes)
	key, err := scheme.ParseKey("public_key_0001:" + secret)
	if err != nil {
		t.Fatal(err)
	}
	f := core.FactsOf(scheme)
	ask := func(challenge string) *core.Answer {
		r := request("")
		r.Method, r.URL = http.MethodGet, "/hook?bt_challenge="+challenge
		return f.AnswerHandshake(r, key)
	}
	const want = "public_key_0001|66ca31535ca3c99d39a62baa9c915ed244b76ec2"
	if a := ask("20f9f8ed05f77439fe955c977e4c8a53"); a == nil || string(a.Body) != want {
		t.Errorf("%+v", a)
	}
	// A challenge that it signs for anybody is too short to be a payload.
	for n := range 40 {
		challenge := strings.Repeat("a", n)
		a := ask(challenge)
		if (n >= 20 && n <= 32) != (a != nil) {
			t.Errorf("%d digits: %v", n, a)
		}
		if a == nil {
			continue
		}
		r := request(url.Values{"bt_payload": {challenge}, "bt_signature": {string(a.Body)}}.Encode())
		if _, err := verifier(t, scheme, remoteNow, secret).Verify(t.Context(), r); !errors.Is(err, core.ErrMalformed) {
			t.Errorf("%d digits as a payload: %v", n, err)
		}
	}
}
