package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"

	"github.com/gofiber/fiber/v2"

	"github.com/hookonce/hookonce/internal/capture"
	"github.com/hookonce/hookonce/internal/redact"
)

// exchange is one delivery as it arrived, and its result. It is stored in the
// context of the request.
type exchange struct {
	method, target, host string
	header               http.Header
	forwarded            *forwarded // nil if it was not forwarded

	mu   sync.Mutex
	body bytes.Buffer // the part that was read
}

type exchangeKey struct{}

func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	if x == nil {
		return new(exchange)
	}
	return x
}

// keeping puts an exchange into the context of each request. It records the
// body as h reads it, up to a limit.
func keeping(h http.Handler, limit int64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := &exchange{method: r.Method, target: r.RequestURI, host: r.Host, header: r.Header.Clone()}
		r = r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x))
		if r.Body != http.NoBody {
			r.Body = &kept{r.Body, x, limit}
		}
		h.ServeHTTP(w, r)
	})
}

// kept is a body that is recorded as it is read.
type kept struct {
	io.ReadCloser

	x     *exchange
	limit int64
}

func (k *kept) Read(p []byte) (int, error) {
	n, err := k.ReadCloser.Read(p)
	k.x.keep(p[:n], k.limit)
	return n, err
}

func (x *exchange) keep(p []byte, limit int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.body.Write(p[:max(0, min(int64(len(p)), limit-int64(x.body.Len())))])
}

func (x *exchange) bytes() []byte {
	x.mu.Lock()
	defer x.mu.Unlock()
	return bytes.Clone(x.body.Bytes())
}

// keepFiber is keeping for fiber, which has already read the body.
func keepFiber(limit int64) fiber.Handler {
	return func(c *fiber.Ctx) error {
		x := &exchange{
			method: strings.Clone(c.Method()), target: string(c.Request().Header.RequestURI()), host: string(c.Request().Header.Host()), header: http.Header{},
		}
		c.Request().Header.VisitAll(func(name, value []byte) {
			if string(name) != fiber.HeaderHost {
				x.header.Add(string(name), string(value))
			}
		})
		x.keep(c.Request().Body(), limit)
		c.SetUserContext(context.WithValue(c.UserContext(), exchangeKey{}, x))
		return c.Next()
	}
}

// lines returns the headers in the form in which they are shown and saved.
func (x *exchange) lines(h hidden) []string { return capture.Lines(x.header, redact.List(h)) }

// eventType returns the type of the event, from one of the headers or members
// of the body in which senders put it.
func (x *exchange) eventType() string {
	for _, name := range []string{
		"X-Github-Event", "X-Gitlab-Event", "X-Gitea-Event", "X-Event-Key", "X-Shopify-Topic", "X-Wc-Webhook-Topic", "Ce-Type", "X-Amz-Sns-Message-Type",
	} {
		if text := x.header.Get(name); text != "" {
			return text
		}
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(x.bytes(), &members) != nil {
		return ""
	}
	for _, name := range []string{"type", "event", "event_type", "eventType", "topic", "event_name", "kind", "action"} {
		var text string
		if json.Unmarshal(members[name], &text) == nil && text != "" && len(text) <= 200 {
			return text
		}
	}
	return ""
}

// reply is the response to a message.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (r reply) write(w http.ResponseWriter) {
	maps.Copy(w.Header(), r.header)
	if r.header != nil && r.header.Get("Content-Type") == "" {
		w.Header()["Content-Type"] = nil // net/http would guess one
	}
	w.WriteHeader(r.status)
	if len(r.body) > 0 {
		_, _ = w.Write(r.body) // the sender disconnected, or the status allows no body
	}
}

func (r reply) writeFiber(c *fiber.Ctx) error {
	for name, values := range r.header {
		for _, value := range values {
			c.Response().Header.Add(name, value)
		}
	}
	if r.header == nil {
		return c.SendStatus(r.status)
	}
	c.Response().Header.SetNoDefaultContentType(true)
	return c.Status(r.status).Send(r.body)
}
