package schemes_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
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

// challenge is how a provider asks an endpoint to prove itself.
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
	for name, serve := range frameworks() {
		for _, c := range challenges() {
			t.Run(name+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				var runs atomic.Int32
				store := memstore.New()
				v, err := core.New(core.Secrets(c.secret), store, &core.Config{Scheme: c.scheme, DangerouslyReplayableAfterRestart: true})
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
				// What is signed is answered only if it is.
				for header, values := range c.ask.Header {
					if !strings.Contains(header, "Signature") || strings.Contains(header, "Timestamp") {
						continue
					}
					forged := *c.ask
					forged.Header = c.ask.Header.Clone()
					forged.Header.Set(header, strings.Map(func(r rune) rune {
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

func send(t *testing.T, base string, ask *core.Request) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), ask.Method, base+ask.URL, strings.NewReader(string(ask.Body)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = ask.Header.Clone()
	// Not the default client: every test server that closes takes its idle connections away.
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
