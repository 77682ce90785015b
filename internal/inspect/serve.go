package inspect

import (
	"context"
	"crypto/rand"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hookonce/hookonce/internal/capture"
	"github.com/hookonce/hookonce/schemes"
)

// files holds everything that the page loads.
//
//go:embed web
var files embed.FS

const (
	maxWatching  = 16 // concurrent streams of events
	requestTime  = 90 * time.Second
	heartbeat    = 15 * time.Second
	actionHeader = "Hookonce-Inspect" // a form cannot send it, and another page can send it only after a CORS preflight
)

func newToken() string {
	var raw [16]byte
	rand.Read(raw[:])
	return hex.EncodeToString(raw[:])
}

// Serve serves the page until ctx ends.
func (p *Page) Serve(ctx context.Context) error {
	s := &http.Server{
		Handler: p.handler(), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()
	if err := s.Serve(p.ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// handler returns the guarded page.
func (p *Page) handler() http.Handler {
	at := "/" + p.token + "/"
	mux := http.NewServeMux()
	for path, file := range map[string]string{"{$}": "page.html", "page.css": "page.css", "page.js": "page.js", "icon.svg": "icon.svg"} {
		mux.HandleFunc("GET "+at+path, func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, files, "web/"+file) })
	}
	mux.HandleFunc("GET "+at+"api/page", p.about)
	mux.HandleFunc("GET "+at+"api/events", p.events)
	mux.HandleFunc("GET "+at+"api/deliveries/{number}", p.with(func(w http.ResponseWriter, _ *http.Request, e *entry) { p.show(w, e, e.delivery) }))
	mux.HandleFunc("GET "+at+"api/deliveries/{number}/raw", p.with(p.raw))
	mux.HandleFunc("GET "+at+"api/deliveries/{number}/curl", p.with(p.curl))
	mux.HandleFunc("POST "+at+"api/deliveries/{number}/again", p.with(p.again))
	mux.HandleFunc("POST "+at+"api/deliveries/{number}/actions/{action}", p.with(p.act))
	return p.guarded(mux)
}

// guarded refuses requests that did not come from the page itself.
func (p *Page) guarded(h http.Handler) http.Handler {
	hosts := []string{net.JoinHostPort("127.0.0.1", p.port), net.JoinHostPort("localhost", p.port), net.JoinHostPort("::1", p.port), p.ln.Addr().String()}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; " +
				"form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			w.Header().Set(name, value)
		}
		c := http.NewResponseController(w)
		_ = c.SetReadDeadline(time.Now().Add(requestTime))  //nolint:forbidigo // of a connection
		_ = c.SetWriteDeadline(time.Now().Add(requestTime)) //nolint:forbidigo // the same
		if why := refusal(r, hosts); why != "" {
			http.Error(w, why, http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// refusal returns why a request is not served. It is empty if the request is
// served.
func refusal(r *http.Request, hosts []string) string {
	if !slices.Contains(hosts, r.Host) {
		return "the inspector is served only as 127.0.0.1, localhost and [::1], with its own port"
	}
	if origin := r.Header.Values("Origin"); len(origin) > 0 && !slices.Equal(origin, []string{"http://" + r.Host}) {
		return "the inspector serves only its own origin"
	}
	site := r.Header.Get("Sec-Fetch-Site")
	if site != "" && site != "same-origin" && (site != "none" || r.Method != http.MethodGet) {
		return "the inspector serves only its own pages: type or paste its address"
	}
	if r.Method != http.MethodGet && r.Header.Get(actionHeader) == "" {
		return "only the page itself may start actions"
	}
	return ""
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the browser has gone
}

// failed reports an error to the user. why is our own text.
func failed(w http.ResponseWriter, status int, why string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": why}) // the browser has gone
}

type aboutAction struct {
	Name     string `json:"name"`
	Verified bool   `json:"verified"`
}

func (p *Page) about(w http.ResponseWriter, _ *http.Request) {
	about := struct {
		Title   string        `json:"title"`
		Scheme  string        `json:"scheme"`
		Schemes []string      `json:"schemes"`
		Actions []aboutAction `json:"actions"`
	}{p.cfg.Title, p.cfg.Scheme, schemes.Names(), []aboutAction{}}
	for _, a := range p.cfg.Actions {
		about.Actions = append(about.Actions, aboutAction{a.Name, a.Verified})
	}
	answer(w, about)
}

// with finds the delivery that a request names.
func (p *Page) with(do func(w http.ResponseWriter, r *http.Request, e *entry)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		number, err := strconv.ParseInt(r.PathValue("number"), 10, 64)
		if err != nil {
			failed(w, http.StatusNotFound, "the delivery does not exist")
			return
		}
		e := p.find(number)
		if e == nil {
			failed(w, http.StatusNotFound, "this delivery is not kept: the page keeps the last "+strconv.Itoa(maxDeliveries)+", up to 64 MiB")
			return
		}
		do(w, r, e)
	}
}

// atHand reports whether the request is kept. If not, it responds with an
// error.
func atHand(w http.ResponseWriter, e *entry) bool {
	if e.delivery.Request == nil {
		failed(w, http.StatusConflict, "this delivery's request is not kept here")
		return false
	}
	return true
}

func (p *Page) show(w http.ResponseWriter, e *entry, d *Delivery) {
	v := d.view()
	v.Number, v.Revision = e.number, e.revision
	answer(w, v)
}

// raw writes the delivery in the form that hookonce verify --request reads.
func (p *Page) raw(w http.ResponseWriter, _ *http.Request, e *entry) {
	if !atHand(w, e) {
		return
	}
	d := e.delivery
	name := fmt.Sprintf("%d-%04d-%d-%s.txt", d.At.Unix(), e.number, d.Event.Status, d.Event.Reason)
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	_, _ = io.WriteString(w, capture.Raw(d.Request.Method, d.Request.URL, d.Request.Host, lines(d.Request), d.Request.Body, d.Hide)) // the browser has gone
}

func (p *Page) curl(w http.ResponseWriter, _ *http.Request, e *entry) {
	if !atHand(w, e) {
		return
	}
	d := e.delivery
	target := d.Request.URL
	if !strings.Contains(target, "://") {
		target = "http://" + d.Request.Host + target
	}
	h := lines(d.Request).Clone()
	h.Del("Content-Length") // curl sets its own
	text, err := capture.Curl(d.Request.Method, d.Hide.Replace(target), capture.Lines(h, d.Hide), []byte(d.Hide.Replace(string(d.Request.Body))))
	if err != nil {
		failed(w, http.StatusConflict, err.Error()+": save the request instead")
		return
	}
	answer(w, map[string]string{"curl": text})
}

func (p *Page) act(w http.ResponseWriter, r *http.Request, e *entry) {
	i, err := strconv.Atoi(r.PathValue("action"))
	if err != nil || i < 0 || i >= len(p.cfg.Actions) {
		failed(w, http.StatusNotFound, "the action does not exist")
		return
	}
	a := p.cfg.Actions[i]
	if !atHand(w, e) {
		return
	}
	if a.Verified && !e.delivery.Event.Verified {
		failed(w, http.StatusConflict, "this action is only for deliveries with a verified signature")
		return
	}
	said, err := a.Do(r.Context(), e.delivery)
	if err != nil {
		failed(w, http.StatusBadGateway, e.delivery.Hide.Replace(err.Error()))
		return
	}
	answer(w, map[string]string{"said": e.delivery.Hide.Replace(said)})
}

// events streams the list and each change.
func (p *Page) events(w http.ResponseWriter, r *http.Request) {
	if !p.watch(1) {
		failed(w, http.StatusServiceUnavailable, "too many pages of the inspector are open: close one of them")
		return
	}
	defer p.watch(-1)
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Time{}) // the stream has no deadline
	w.Header().Set("Content-Type", "text/event-stream")
	revision, _ := strconv.ParseInt(r.Header.Get("Last-Event-ID"), 10, 64) // none: from the start
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		change, next := p.since(revision)
		revision = change.Revision
		_ = c.SetWriteDeadline(time.Now().Add(heartbeat)) //nolint:forbidigo // of a connection
		text, err := json.Marshal(change)
		if err != nil {
			return
		}
		if _, err := fmt.Fprintf(w, "id: %d\ndata: %s\n\n", revision, text); err != nil || c.Flush() != nil {
			return
		}
		select {
		case <-next:
		case <-beat.C:
		case <-r.Context().Done():
			return
		}
	}
}

// watch counts the streams and reports whether another one is allowed.
func (p *Page) watch(n int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.watching+n > maxWatching {
		return false
	}
	p.watching += n
	return true
}
