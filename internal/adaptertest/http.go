package adaptertest

import (
	"bufio"
	"bytes"
	"io"
	"log"
	"mime/multipart"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"testing"
	"time"
)

// Reply is the response that the sender got.
type Reply struct {
	Status, Proto int
	Header        http.Header
	Body          string
	Closed        bool // the connection closes after it
}

// Try sends req on a new connection. If that fails, the body of the reply is
// the error, and the status is zero if no response came.
func Try(tb testing.TB, req *http.Request) Reply {
	tb.Helper()
	r, err := try(req)
	if err != nil {
		r.Body = err.Error()
	}
	return r
}

// Do is Try, but ends the test if there is an error.
func Do(tb testing.TB, req *http.Request) Reply {
	tb.Helper()
	r, err := try(req)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func try(req *http.Request) (Reply, error) {
	client := &http.Client{
		Transport:     &http.Transport{DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       10 * time.Second,
	}
	defer client.CloseIdleConnections()
	res, err := client.Do(req)
	if err != nil {
		return Reply{}, err
	}
	return replyOf(res)
}

// Fetch sends req by client.
func Fetch(tb testing.TB, client *http.Client, req *http.Request) Reply {
	tb.Helper()
	res, err := client.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	r, err := replyOf(res)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// Read reads the next response of a connection.
func Read(tb testing.TB, from *bufio.Reader) Reply {
	tb.Helper()
	res, err := http.ReadResponse(from, nil)
	if err != nil {
		tb.Fatal(err)
	}
	r, err := replyOf(res)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func replyOf(res *http.Response) (Reply, error) {
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return Reply{res.StatusCode, res.ProtoMajor, res.Header, string(body), res.Close}, err
}

// Dial connects to the host of target until the test ends.
func Dial(tb testing.TB, target string) net.Conn {
	tb.Helper()
	u, err := url.Parse(target)
	if err != nil {
		tb.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		tb.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	tb.Cleanup(func() { conn.Close() })
	return conn
}

// Listen returns a listener on a loopback address.
func Listen(tb testing.TB) net.Listener {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	return ln
}

// Serve serves h on a loopback address until the test ends. It drops net/http's
// log of the panics that tests cause.
func Serve(tb testing.TB, h http.Handler) (address string) {
	tb.Helper()
	ln := Listen(tb)
	s := &http.Server{Handler: h, ErrorLog: Quiet()}
	go func() { _ = s.Serve(ln) }()
	tb.Cleanup(func() { _ = s.Close() })
	return "http://" + ln.Addr().String()
}

// Quiet returns a logger that drops everything.
func Quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// Multipart returns a form with the value "invoice.paid" as field "type" and as
// the content of the file "file".
func Multipart(tb testing.TB) (body, contentType string) {
	tb.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	_ = w.WriteField("type", "invoice.paid")
	part, err := w.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {`form-data; name="file"; filename="a.txt"`},
		"Content-Type":        {"application/octet-stream"},
		"X-Part":              {"a header that is lost when fasthttp writes the form out again"},
	})
	if err != nil {
		tb.Fatal(err)
	}
	_, _ = part.Write([]byte("invoice.paid"))
	_ = w.Close()
	return b.String(), w.FormDataContentType()
}

// Unwrapping is a ResponseWriter that hides everything but Unwrap.
type Unwrapping struct{ http.ResponseWriter }

// Unwrap is what http.ResponseController calls.
func (u Unwrapping) Unwrap() http.ResponseWriter { return u.ResponseWriter }
