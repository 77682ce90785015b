package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/reqtarget"
)

// maxReply bounds the response body that is returned to the sender.
const maxReply = 1 << 20

// forwarder forwards verified messages.
type forwarder struct {
	to      *url.URL
	through *http.Transport
	hidden  hidden
	clock   func() time.Time

	keepHost bool // send the Host of the delivery, not the Host of the URL
}

// forwarded is the result of forwarding a message.
type forwarded struct {
	Status   int    `json:"status,omitempty"`
	Millis   int64  `json:"ms"`
	Redirect string `json:"redirect,omitempty"` // its target
	Body     string `json:"body,omitempty"`     // cut at maxShown
	Error    string `json:"error,omitempty"`
}

func newForwarder(to string, h hidden, clock func() time.Time) (*forwarder, error) {
	if !strings.Contains(to, "://") {
		to = "http://" + to
	}
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return nil, usageError("--forward-to must be a URL such as http://localhost:3000/hook, without a user name or a fragment")
	}
	return &forwarder{to: u, through: transport(), hidden: h, clock: clock}, nil
}

// target returns the configured URL. If the URL lacks a path or a query, target
// adds the path or query of the delivery.
func (f *forwarder) target(delivered string) string {
	path, query, asked := strings.Cut(reqtarget.PathAndQuery(delivered), "?")
	to := f.to.Scheme + "://" + f.to.Host
	if f.to.EscapedPath() != "" {
		path = f.to.EscapedPath()
	}
	if f.to.RawQuery != "" {
		query, asked = f.to.RawQuery, true
	}
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	if asked {
		path += "?" + query
	}
	return to + path
}

// forward forwards a verified message as it arrived: its method, its bytes, and
// all headers except Host and connection headers.
func (f *forwarder) forward(ctx context.Context, x *exchange) reply {
	m, _ := core.FromContext(ctx)
	began := f.clock()
	r, result := f.send(ctx, x, m.Body)
	result.Millis = f.clock().Sub(began).Milliseconds()
	x.forwarded = result
	return r
}

func (f *forwarder) send(ctx context.Context, x *exchange, body []byte) (reply, *forwarded) {
	req, err := http.NewRequestWithContext(ctx, x.method, f.target(x.target), bytes.NewReader(body))
	if err != nil {
		return reply{status: http.StatusBadGateway}, &forwarded{Error: "the method and the URL of the delivery do not form a valid request"}
	}
	if f.keepHost {
		req.Host = x.host
	}
	req.Header = endToEnd(x.header)
	req.Header.Del("Host")
	req.Header.Del("Expect")
	if req.Header.Get("User-Agent") == "" {
		req.Header["User-Agent"] = nil // otherwise net/http adds its own
	}
	resp, err := f.through.RoundTrip(req)
	if err != nil {
		status := http.StatusBadGateway
		if errors.Is(err, context.DeadlineExceeded) {
			status = http.StatusGatewayTimeout
		}
		return reply{status: status}, &forwarded{Error: failure(err)}
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	result := &forwarded{Status: resp.StatusCode}
	if resp.StatusCode >= 300 && resp.StatusCode <= 399 {
		result.Redirect = f.hidden.replace(place(resp))
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxReply+1))
	result.Body = f.hidden.body(text)
	switch {
	case err != nil:
		result.Error = "the response ended early: " + failure(err)
		return reply{status: http.StatusBadGateway}, result
	case resp.StatusCode < 200:
		result.Error = "the status is not one of a final response"
		return reply{status: http.StatusBadGateway}, result
	case len(text) > maxReply:
		result.Error = "its body is larger than 1 MiB, so it was not returned"
		text = nil
	}
	return reply{resp.StatusCode, endToEnd(resp.Header), text}, result
}

// endToEnd returns the headers without connection headers. The transport sets
// Content-Length from the body.
func endToEnd(h http.Header) http.Header {
	h = h.Clone()
	for _, list := range h.Values("Connection") {
		for name := range strings.SplitSeq(list, ",") {
			h.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range []string{
		"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Content-Length",
	} {
		h.Del(name)
	}
	return h
}

func (f *forwarded) String() string {
	text := f.Error
	if f.Status != 0 {
		text = fmt.Sprintf("%d %s", f.Status, http.StatusText(f.Status))
		if f.Redirect != "" {
			text += " to " + f.Redirect + ", not followed"
		}
		if f.Error != "" {
			text += ", " + f.Error
		}
	}
	text += fmt.Sprintf(", %d ms", f.Millis)
	if f.Body != "" {
		text += "\n" + indented(f.Body, "  ")
	}
	return text
}

// transport returns the transport that sends requests. Unlike an http.Client it
// follows no redirect, which would deliver a message to an address that nobody
// registered. It does not decompress bodies.
func transport() *http.Transport {
	return &http.Transport{Proxy: http.ProxyFromEnvironment, DisableCompression: true}
}
