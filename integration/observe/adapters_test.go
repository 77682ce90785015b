package observe_test

import (
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gofiber/fiber/v2"
	"github.com/labstack/echo/v4"
	"github.com/prometheus/common/model"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/echowh"
	"github.com/hookonce/hookonce/fiberwh"
	"github.com/hookonce/hookonce/ginwh"
	"github.com/hookonce/hookonce/nethttp"
	"github.com/hookonce/hookonce/stores/memstore"
	"github.com/hookonce/hookonce/whtest"
)

// answer is the handler of every adapter.
func answer(m core.Message) int {
	if strings.Contains(string(m.Body), "fail") {
		return http.StatusInternalServerError
	}
	return http.StatusAccepted
}

// TestAllAdaptersExportTheSame sends the same requests to four real servers, and scrapes each of
// them over HTTP.
func TestAllAdaptersExportTheSame(t *testing.T) {
	t.Parallel()
	gin.SetMode(gin.ReleaseMode)
	for name, serve := range map[string]func(t *testing.T, v *core.Verifier) string{
		"nethttp": func(t *testing.T, v *core.Verifier) string {
			t.Helper()
			return listen(t, nethttp.New(v)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(answer(nethttp.Message(r))) })))
		},
		"gin": func(t *testing.T, v *core.Verifier) string {
			t.Helper()
			g := gin.New()
			g.POST("/hook", ginwh.New(v), func(c *gin.Context) { c.Status(answer(ginwh.Message(c))) })
			return listen(t, g)
		},
		"echo": func(t *testing.T, v *core.Verifier) string {
			t.Helper()
			e := echo.New()
			e.POST("/hook", func(c echo.Context) error { return c.NoContent(answer(echowh.Message(c))) }, echowh.New(v))
			return listen(t, e)
		},
		"fiber": func(t *testing.T, v *core.Verifier) string {
			t.Helper()
			app := fiber.New(fiber.Config{DisableStartupMessage: true})
			app.Post("/hook", fiberwh.New(v), func(c *fiber.Ctx) error { return c.SendStatus(answer(fiberwh.Message(c))) })
			ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			go func() { _ = app.Listener(ln) }()
			t.Cleanup(func() { _ = app.Shutdown() })
			return "http://" + ln.Addr().String()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProcess(t, 10)
			secret := core.GenerateSecret()
			v := core.Must(core.New(core.Secrets(secret).From("acme"), memstore.New(), &core.Config{Observe: p.observe}))
			sendAll(t, serve(t, v)+"/hook", secret)

			const attempt = `,hookonce_scheme="standard",hookonce_source="acme",http_request_method="POST",http_response_status_code=`
			want := map[string]float64{
				`hookonce_attempts_total{hookonce_reason="handled"` + attempt + `"202"}`:                             1,
				`hookonce_attempts_total{hookonce_reason="handler-failed"` + attempt + `"500"}`:                      1,
				`hookonce_attempts_total{hookonce_reason="no-match"` + attempt + `"401"}`:                            1,
				`hookonce_attempts_total{hookonce_reason="redelivery"` + attempt + `"202"}`:                          1,
				`hookonce_attempts_total{hookonce_reason="replay"` + attempt + `"409"}`:                              1,
				`hookonce_key_uses_total{hookonce_key_id="key-1",hookonce_scheme="standard",hookonce_source="acme"}`: 4,
				`hookonce_keys_duration_seconds_count{hookonce_scheme="standard"}`:                                   5,
				`hookonce_check_duration_seconds_count{hookonce_scheme="standard"}`:                                  5,
				`hookonce_store_duration_seconds_count{hookonce_scheme="standard"}`:                                  4,
				`hookonce_handler_duration_seconds_count{hookonce_scheme="standard"}`:                                1,
				`hookonce_handler_duration_seconds_count{error_type="handler-failed",hookonce_scheme="standard"}`:    1,
				`hookonce_body_duration_seconds_count{hookonce_scheme="standard"}`:                                   5,
				`hookonce_body_size_bytes_count{hookonce_scheme="standard"}`:                                         5,
				`hookonce_body_size_bytes_sum{hookonce_scheme="standard"}`:                                           float64(4*len(event) + len(failing)),
			}
			got := map[string]float64{}
			for _, sample := range p.scrape(t) {
				text := series(sample.Metric)
				if strings.HasPrefix(text, "hookonce_") && !strings.Contains(text, "_bucket") && !strings.Contains(text, "seconds_sum") {
					got[text] = float64(sample.Value)
				}
			}
			if !maps.Equal(got, want) {
				t.Errorf("scraped:\n%s\nwant:\n%s", lines(got), lines(want))
			}
		})
	}
}

const event, failing = `{"type":"order.paid"}`, `{"type":"fail"}`

func sendAll(t *testing.T, url, secret string) {
	t.Helper()
	signer, err := core.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := core.NewSigner(core.GenerateSecret())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, r := range []*http.Request{
		whtest.NewRequest(t, signer, url, event, whtest.ID("msg_1"), whtest.At(now)),
		whtest.NewRequest(t, signer, url, event, whtest.ID("msg_1"), whtest.At(now)),
		whtest.NewRequest(t, signer, url, event, whtest.ID("msg_1"), whtest.At(now.Add(time.Second))),
		whtest.NewRequest(t, signer, url, failing),
		whtest.NewRequest(t, stranger, url, event),
	} {
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
}

func listen(t *testing.T, h http.Handler) string {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL
}

// series returns a metric without the labels that the exporter adds.
func series(m model.Metric) string {
	m = m.Clone()
	for name := range m {
		if strings.HasPrefix(string(name), "otel_scope_") {
			delete(m, name)
		}
	}
	return strings.ReplaceAll(m.String(), `", `, `",`)
}

func lines(all map[string]float64) string {
	var text []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		text = append(text, name+" "+model.SampleValue(all[name]).String())
	}
	return strings.Join(text, "\n")
}
