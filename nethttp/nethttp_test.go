package nethttp_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/adaptertest"
	"github.com/hookonce/hookonce/nethttp"
	"github.com/hookonce/hookonce/stores/memstore"
	"github.com/hookonce/hookonce/whtest"
)

// pair is a verifier and its trusted signer.
func pair(tb testing.TB, config *core.Config) (*core.Verifier, *core.Signer) {
	tb.Helper()
	secret := core.GenerateSecret()
	signer, err := core.NewSigner(secret)
	if err != nil {
		tb.Fatal(err)
	}
	return core.Must(core.New(core.Secrets(secret), memstore.New(), config)), signer
}

// deliver sends body as a form to h, which the middleware wraps, with outer upstream of the
// middleware.
func deliver(t *testing.T, outer func(http.Handler) http.Handler, h http.HandlerFunc, contentType, body string, chunked bool) adaptertest.Reply {
	t.Helper()
	v, signer := pair(t, nil)
	return post(t, adaptertest.Serve(t, outer(nethttp.New(v)(h))), signer, contentType, body, chunked)
}

func post(t *testing.T, base string, signer *core.Signer, contentType, body string, chunked bool) adaptertest.Reply {
	t.Helper()
	r := whtest.NewRequest(t, signer, base+"/hook", body, whtest.Header("Content-Type", contentType))
	if chunked {
		r.ContentLength, r.GetBody, r.Body = -1, nil, io.NopCloser(strings.NewReader(body))
	}
	if body == "" {
		r.Body = http.NoBody // otherwise the client sends it chunked
	}
	return adaptertest.Fetch(t, http.DefaultClient, r)
}

func same(h http.Handler) http.Handler { return h }

func wantStatus(t *testing.T, resp adaptertest.Reply, status int) {
	t.Helper()
	if resp.Status != status {
		t.Errorf("answered %d %s, want %d", resp.Status, resp.Body, status)
	}
}

func TestADenyFunctionThatWritesNothingRefuses(t *testing.T) {
	t.Parallel()
	adaptertest.TestSilentDeny(t, func(v *core.Verifier) string {
		deny := nethttp.Deny(func(http.ResponseWriter, *http.Request, *core.Error) {})
		return adaptertest.Serve(t, nethttp.New(v, deny)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the handler ran") })))
	})
}

func TestTheBodyIsThereByEveryWayOfReading(t *testing.T) {
	t.Parallel()
	var form bytes.Buffer
	mw := multipart.NewWriter(&form)
	_ = mw.WriteField("a", "1")
	file, _ := mw.CreateFormFile("f", "f.txt")
	_, _ = file.Write([]byte("file"))
	_ = mw.Close()
	const urlencoded = "application/x-www-form-urlencoded"
	large := "a=" + strings.Repeat("1", 11<<20) // beyond ParseForm's own limit
	for _, c := range []struct {
		name, contentType, body string
		read                    func(*http.Request) (string, error)
		want                    string
	}{
		{"json.Decoder", "application/json", `{"a":"1"}`, func(r *http.Request) (string, error) {
			var v struct {
				A string `json:"a"`
			}
			err := json.NewDecoder(r.Body).Decode(&v)
			return v.A, err
		}, "1"},
		{"ParseForm", urlencoded, "a=1&b=2", func(r *http.Request) (string, error) { return r.PostFormValue("a"), r.ParseForm() }, "1"},
		{"ParseForm of 11 MiB", urlencoded, large, func(r *http.Request) (string, error) {
			err := r.ParseForm()
			return strconv.Itoa(len(r.PostForm.Get("a"))), err
		}, strconv.Itoa(11 << 20)},
		{"multipart form", mw.FormDataContentType(), form.String(), func(r *http.Request) (string, error) {
			f, _, err := r.FormFile("f")
			if err != nil {
				return "", err
			}
			b, err := io.ReadAll(f)
			return r.FormValue("a") + string(b), err
		}, "1file"},
		{"MultipartReader", mw.FormDataContentType(), form.String(), func(r *http.Request) (string, error) {
			m, err := r.MultipartReader()
			if err != nil {
				return "", err
			}
			p, err := m.NextPart()
			if err != nil {
				return "", err
			}
			b, err := io.ReadAll(p)
			return string(b), err
		}, "1"},
	} {
		for _, chunked := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, chunked %v", c.name, chunked), func(t *testing.T) {
				t.Parallel()
				v, signer := pair(t, &core.Config{MaxBody: 12 << 20})
				base := adaptertest.Serve(t, nethttp.New(v)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					if got, err := c.read(r); got != c.want || err != nil {
						t.Errorf("read %.20q, %v, want %q", got, err, c.want)
					}
					if r.ContentLength != int64(len(c.body)) || len(r.TransferEncoding) != 0 {
						t.Errorf("ContentLength %d, TransferEncoding %v", r.ContentLength, r.TransferEncoding)
					}
				})))
				wantStatus(t, post(t, base, signer, c.contentType, c.body, chunked), http.StatusOK)
			})
		}
	}
}

func TestAReverseProxyBehindUsForwardsTheBody(t *testing.T) {
	t.Parallel()
	got := make(chan string, 2)
	back := adaptertest.Serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got <- string(b)
	}))
	target, _ := url.Parse(back)
	proxy := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(target) }}
	for _, chunked := range []bool{false, true} {
		wantStatus(t, deliver(t, same, proxy.ServeHTTP, "text/plain", "through", chunked), http.StatusOK)
		if b := <-got; b != "through" {
			t.Errorf("chunked %v: the server behind the proxy read %q", chunked, b)
		}
	}
}

func TestABodyThatWasConsumedInFrontIsAMisconfiguration(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte("a=1"))
	_ = z.Close()
	const form = "application/x-www-form-urlencoded"
	for _, c := range []struct {
		name, body string
		chunked    bool
		outer      func(*http.Request)
	}{
		{"ParseForm", "a=1", false, func(r *http.Request) { _ = r.ParseForm() }},
		{"ParseForm, chunked", "a=1", true, func(r *http.Request) { _ = r.ParseForm() }},
		{"io.ReadAll", "a=1", false, func(r *http.Request) { _, _ = io.ReadAll(r.Body) }},
		{"a partial read", "a=1", false, func(r *http.Request) { _, _ = r.Body.Read(make([]byte, 1)) }},
		{"decompression", packed.String(), false, func(r *http.Request) {
			z, err := gzip.NewReader(r.Body)
			if err != nil {
				t.Error(err)
			}
			r.Body = z
		}},
		{"decompression that makes the length unknown", packed.String(), false, func(r *http.Request) {
			z, err := gzip.NewReader(r.Body)
			if err != nil {
				t.Error(err)
			}
			r.Body, r.ContentLength = z, -1
		}},
		{"a read after which the length is unknown", "a=1", false, func(r *http.Request) {
			_, _ = io.ReadAll(r.Body)
			r.ContentLength = -1
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			outer := func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					c.outer(r)
					next.ServeHTTP(w, r)
				})
			}
			resp := deliver(t, outer, func(http.ResponseWriter, *http.Request) { t.Error("the handler ran") }, form, c.body, c.chunked)
			wantStatus(t, resp, http.StatusInternalServerError)
		})
	}
	t.Run("ParseForm of an empty body is none", func(t *testing.T) {
		t.Parallel()
		outer := func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_ = r.ParseForm()
				next.ServeHTTP(w, r)
			})
		}
		wantStatus(t, deliver(t, outer, func(http.ResponseWriter, *http.Request) {}, form, "", false), http.StatusOK)
	})
}

// Some frameworks parse every request. Then PostForm is set and empty.
func TestAnEmptyBodyOfAnotherTypeThatWasParsedIsNotConsumed(t *testing.T) {
	t.Parallel()
	for kind, status := range map[string]int{
		"application/json": http.StatusOK, "": http.StatusOK, "application/x-www-form-urlencoded; charset=utf-8": http.StatusInternalServerError,
	} {
		v, signer := pair(t, nil)
		r := whtest.NewRequest(t, signer, "/hook", "")
		r.Header.Set("Content-Type", kind)
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader("")), -1 // chunked
		if err := r.ParseForm(); err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		nethttp.New(v)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
		if w.Code != status {
			t.Errorf("%q: answered %d, want %d", kind, w.Code, status)
		}
	}
}

func TestALoggerOutsideSeesThePattern(t *testing.T) {
	t.Parallel()
	var pattern atomic.Value
	logger := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r)
			pattern.Store(r.Pattern)
			w.(http.Flusher).Flush() //nolint:forcetypeassert,errcheck // a server's writer
		})
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /hook", func(http.ResponseWriter, *http.Request) {})
	wantStatus(t, deliver(t, logger, mux.ServeHTTP, "text/plain", "x", false), http.StatusOK)
	if got := pattern.Load(); got != "POST /hook" {
		t.Errorf("Pattern is %q outside", got)
	}
}

func TestTimeoutHandlerOutsideLetsTheHandlerFinish(t *testing.T) {
	t.Parallel()
	v, signer := pair(t, nil)
	leave, left := make(chan struct{}), make(chan struct{})
	h := nethttp.New(v)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		<-leave
		w.WriteHeader(http.StatusNoContent)
		close(left)
	}))
	base := adaptertest.Serve(t, http.TimeoutHandler(h, 50*time.Millisecond, "late"))
	send := func(seconds int) adaptertest.Reply {
		r := whtest.NewRequest(t, signer, base+"/hook", "{}", whtest.ID("msg_1"), whtest.At(time.Now().Add(time.Duration(seconds)*time.Second)))
		return adaptertest.Fetch(t, http.DefaultClient, r)
	}
	wantStatus(t, send(0), http.StatusServiceUnavailable)
	wantStatus(t, send(1), http.StatusServiceUnavailable) // in flight
	close(leave)
	<-left
	for i := range 100 { // the commit follows
		if resp := send(2 + i); resp.Status == http.StatusNoContent {
			return
		}
	}
	t.Error("the success was not recorded")
}

func TestTimeoutHandlerInsideReleases(t *testing.T) {
	t.Parallel()
	leave := make(chan struct{})
	defer close(leave)
	slow := http.TimeoutHandler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-leave }), 20*time.Millisecond, "late")
	wantStatus(t, deliver(t, same, slow.ServeHTTP, "text/plain", "x", false), http.StatusServiceUnavailable)
}

func TestResponseControllerWorksThroughUs(t *testing.T) {
	t.Parallel()
	resp := deliver(t, same, func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		for what, err := range map[string]error{
			"SetReadDeadline": rc.SetReadDeadline(time.Time{}), "SetWriteDeadline": rc.SetWriteDeadline(time.Now().Add(time.Minute)),
			"EnableFullDuplex": rc.EnableFullDuplex(), "Flush": rc.Flush(),
		} {
			if err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
		if _, ok := w.(io.ReaderFrom); !ok {
			t.Error("no ReaderFrom")
		}
		_, _ = io.Copy(w, strings.NewReader("copied"))
	}, "text/plain", "x", false)
	if resp.Body != "copied" {
		t.Errorf("body %q", resp.Body)
	}
}

func TestHTTP2KeepsTheConnection(t *testing.T) {
	t.Parallel()
	t.Run("default answers", func(t *testing.T) { testHTTP2(t) })
	t.Run("Deny", func(t *testing.T) {
		testHTTP2(t, nethttp.Deny(func(w http.ResponseWriter, _ *http.Request, err *core.Error) { w.WriteHeader(err.Answer().Status) }))
	})
}

func testHTTP2(t *testing.T, opts ...nethttp.Option) {
	t.Helper()
	t.Parallel()
	v, signer := pair(t, &core.Config{MaxBody: 100, BodyTimeout: time.Minute})
	hasty, hastySigner := pair(t, &core.Config{MaxBody: 100, BodyTimeout: 100 * time.Millisecond})
	handle := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	mux := http.NewServeMux()
	mux.Handle("/hook", nethttp.New(v, opts...)(handle))
	mux.Handle("/hasty", nethttp.New(hasty, opts...)(handle))
	s := httptest.NewUnstartedServer(mux)
	s.EnableHTTP2 = true
	s.Config.ErrorLog = adaptertest.Quiet()
	var conns atomic.Int32
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			conns.Add(1)
		}
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	sendTo := func(path string, signer *core.Signer, body io.ReadCloser, spoil func(*http.Request)) adaptertest.Reply {
		r := whtest.NewRequest(t, signer, s.URL+path, "{}")
		if body != nil {
			r.Body, r.GetBody, r.ContentLength = body, nil, -1
		}
		if spoil != nil {
			spoil(r)
		}
		got := adaptertest.Fetch(t, s.Client(), r)
		if got.Proto != 2 {
			t.Fatalf("answered in HTTP/%d: this test shows nothing", got.Proto)
		}
		return got
	}
	send := func(body io.ReadCloser, spoil func(*http.Request)) adaptertest.Reply {
		return sendTo("/hook", signer, body, spoil)
	}
	stalled := func() io.ReadCloser { // stalls until the client closes it
		body, _ := io.Pipe()
		return body
	}
	wantStatus(t, send(nil, nil), http.StatusOK)
	wantStatus(t, send(io.NopCloser(strings.NewReader(strings.Repeat("a", 1000))), nil), http.StatusRequestEntityTooLarge)
	wantStatus(t, sendTo("/hasty", hastySigner, stalled(), nil), http.StatusRequestTimeout)
	wantStatus(t, send(stalled(), func(r *http.Request) { r.Header.Del("Webhook-Signature") }), http.StatusBadRequest)
	wantStatus(t, send(nil, nil), http.StatusOK)
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections, want 1: a refusal must not end the streams of others", n)
	}
}

// stalling is a signed request whose body never arrives.
func stalling(t *testing.T, signer *core.Signer, target string) *http.Request {
	t.Helper()
	r := whtest.NewRequest(t, signer, target, "{}")
	body, w := io.Pipe()
	t.Cleanup(func() { _ = w.Close() })
	r.Body, r.GetBody, r.ContentLength = body, nil, -1
	return r
}

func TestTheShorterTimeEndsASlowBody(t *testing.T) {
	t.Parallel()
	const short = 5 * time.Second // a busy machine uses some of it for the handshake
	for _, c := range []struct {
		name        string
		body, whole time.Duration // Config.BodyTimeout and http.Server.ReadTimeout
		http2       bool
	}{
		{"Config.BodyTimeout", short, time.Minute, false},
		{"Config.BodyTimeout, HTTP/2", short, time.Minute, true},
		{"http.Server.ReadTimeout", time.Minute, short, false},
		{"http.Server.ReadTimeout, HTTP/2", time.Minute, short, true},
		{"http.Server.ReadTimeout, as long", short, short, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v, signer := pair(t, &core.Config{BodyTimeout: c.body})
			s := httptest.NewUnstartedServer(nethttp.New(v)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				select { // the body deadline does not apply to the handler
				case <-r.Context().Done():
					t.Error("the handler's context has ended")
				case <-time.After(short + 200*time.Millisecond):
				}
			})))
			s.EnableHTTP2, s.Config.ErrorLog, s.Config.ReadTimeout = c.http2, adaptertest.Quiet(), c.whole
			s.StartTLS()
			t.Cleanup(s.Close)
			began := time.Now()
			wantStatus(t, adaptertest.Fetch(t, s.Client(), stalling(t, signer, s.URL)), http.StatusRequestTimeout)
			if took := time.Since(began); took > 30*time.Second {
				t.Errorf("answered after %v", took)
			}
			wantStatus(t, adaptertest.Fetch(t, s.Client(), whtest.NewRequest(t, signer, s.URL, "{}")), http.StatusOK)
		})
	}
}

func TestASlowBodyEndsAlsoWhereTheServersDeadlineWasTakenAway(t *testing.T) {
	t.Parallel()
	v, signer := pair(t, &core.Config{BodyTimeout: time.Minute})
	h := nethttp.New(v)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the handler ran") }))
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).SetReadDeadline(time.Time{}); err != nil { // for uploads
			t.Error(err)
		}
		h.ServeHTTP(w, r)
	}))
	s.Config.ErrorLog, s.Config.ReadTimeout = adaptertest.Quiet(), 5*time.Second
	s.Start()
	t.Cleanup(s.Close)
	wantStatus(t, adaptertest.Fetch(t, &http.Client{Timeout: 20 * time.Second}, stalling(t, signer, s.URL)), http.StatusRequestTimeout)
}

// Whatever a refused sender does, its connection is finally closed after the grace and net/http's
// half second.
func TestARefusedSenderHoldsItsConnectionForAMoment(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, framing  string
		unsigned, more bool // keeps sending
	}{
		{"too large, and waits", "Content-Length: 100000000\r\n", false, false},
		{"too large, waits and closes", "Connection: close\r\nContent-Length: 100000000\r\n", false, false},
		{"too large, and goes on", "Content-Length: 100000000\r\n", false, true},
		{"too large, goes on and closes", "Connection: close\r\nContent-Length: 100000000\r\n", false, true},
		{"unsigned, and waits", "Content-Length: 50\r\n", true, false},
		{"unsigned and long, and waits", "Content-Length: 262145\r\n", true, false},
		{"unsigned and long, and goes on", "Content-Length: 100000000\r\n", true, true},
		{"unsigned, waits and closes", "Connection: close\r\nContent-Length: 50\r\n", true, false},
		{"unsigned, goes on and closes", "Connection: close\r\nContent-Length: 100000000\r\n", true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v, signer := pair(t, nil)
			closed := make(chan struct{}, 1)
			s := httptest.NewUnstartedServer(nethttp.New(v)(http.NotFoundHandler()))
			s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
				if state == http.StateClosed {
					closed <- struct{}{}
				}
			}
			s.Start()
			t.Cleanup(s.Close)
			h := make(http.Header)
			if err := signer.Sign(h, "msg_1", time.Now(), nil); err != nil {
				t.Fatal(err)
			}
			if c.unsigned {
				h.Del("Webhook-Signature")
			}
			var head strings.Builder
			_ = h.Write(&head)
			conn, err := net.Dial("tcp", s.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: a\r\n%s%s\r\n", c.framing, head.String())
			if c.more {
				go func() {
					for err := error(nil); err == nil; time.Sleep(10 * time.Millisecond) {
						_, err = conn.Write(make([]byte, 10_000))
					}
				}()
			}
			select {
			case <-closed:
			case <-time.After(5 * time.Second): // long before Config.BodyTimeout
				t.Error("not closed")
			}
		})
	}
}

func TestMistakesAreFoundAtStartUp(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]func(){
		"a nil verifier": func() { nethttp.New(nil) },
		"a nil signer":   func() { nethttp.NewTransport(nil, nil) },
	} {
		func() {
			defer func() {
				if text, _ := recover().(string); !strings.Contains(text, "nil: create one with") {
					t.Errorf("%s: panic %q does not say what to do", name, text)
				}
			}()
			f()
		}()
	}
}

func TestMessageIsZeroWithoutTheMiddleware(t *testing.T) {
	t.Parallel()
	if m := nethttp.Message(httptest.NewRequest(http.MethodPost, "/", nil)); m.ID != "" || m.Body != nil {
		t.Errorf("%+v", m)
	}
}
