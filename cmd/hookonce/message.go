package main

import (
	"bytes"
	"errors"
	"flag"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
)

// message holds the flags of commands that sign a message.
type message struct {
	*common

	id, data, body, method string
	headers                list
}

const exampleBody = `{"type":"example.created"}`

func messageFlags(f *flag.FlagSet) *message {
	m := &message{common: commonFlags(f)}
	f.StringVar(&m.id, "id", "", "the message `ID`, for schemes with an id in a header. Default: a new one")
	f.StringVar(&m.data, "data", exampleBody, "the body as `TEXT`. Default: "+exampleBody+", with an id if the sender has it in the body")
	f.StringVar(&m.body, "body", "", "a `FILE` with the body, sent byte for byte, or - for standard input")
	f.StringVar(&m.method, "method", http.MethodPost, "the HTTP `METHOD`. Default: POST")
	f.Var(&m.headers, "header", "an additional header, as `\"NAME: VALUE\"`; may be repeated")
	return m
}

// signer signs one message, anew for each attempt.
type signer struct {
	id      string // empty after the first attempt: the request keeps it
	name    string // of the scheme
	scheme  core.Scheme
	secrets []string
	hidden  hidden
	to      *url.URL
	request core.Request
}

// signer returns the signer for a message to the address to. Schemes that sign
// the address sign --url if it is set.
func (m *message) signer(c *console, to string) (*signer, error) {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" {
		return nil, usageError("the address must be a URL such as https://example.com/hook, without a user name or a fragment")
	}
	if u.Path == "" {
		u.Path = "/"
	}
	scheme, err := m.newScheme(to)
	if err != nil {
		return nil, err
	}
	texts, err := m.texts(c, false)
	if err != nil {
		return nil, err
	}
	body, err := m.read(c, scheme)
	if err != nil {
		return nil, err
	}
	header, err := m.header(body)
	if err != nil {
		return nil, err
	}
	return &signer{m.id, m.scheme, scheme, texts, m.hide(texts), u, core.Request{
		Method: strings.ToUpper(m.method), URL: u.RequestURI(), Header: header, Body: body,
	}}, nil
}

func (m *message) read(c *console, scheme core.Scheme) ([]byte, error) {
	switch {
	case m.body != "" && m.data != exampleBody:
		return nil, usageError("--body and --data both set the body: give only one")
	case m.body != "":
		return c.read(m.body, "--body")
	case m.data == exampleBody:
		return exampleFor(scheme), nil
	default:
		return []byte(m.data), nil
	}
}

// exampleFor returns exampleBody. If the scheme reads the message id from the
// body, the example has a new id there.
func exampleFor(scheme core.Scheme) []byte {
	pointer, found := strings.CutPrefix(core.FactsOf(scheme).IdentifiedBy, "/")
	if !found {
		return []byte(exampleBody)
	}
	value := strconv.Quote(core.NewID())
	for _, name := range slices.Backward(strings.Split(pointer, "/")) {
		if name == "0" {
			value = "[" + value + "]"
		} else {
			value = "{" + strconv.Quote(name) + ":" + value + "}"
		}
	}
	if member, found := strings.CutPrefix(value, "{"); found {
		value = strings.TrimSuffix(exampleBody, "}") + "," + member
	}
	return []byte(value)
}

func (m *message) header(body []byte) (http.Header, error) {
	h := http.Header{"Content-Type": {contentType(body)}}
	for _, text := range m.headers {
		name, value, ok := strings.Cut(text, ":")
		value = strings.TrimSpace(value)
		if !ok || name == "" || strings.ContainsAny(name, " \t\r\n") || strings.ContainsAny(value, "\r\n") {
			return nil, usageError("--header must be \"Name: value\" on one line, without white space in the name")
		}
		h.Set(name, value)
	}
	return h, nil
}

// contentType returns the Content-Type that senders set for such a body.
func contentType(body []byte) string {
	text := bytes.TrimSpace(body)
	switch {
	case len(text) == 0 || text[0] == '{' || text[0] == '[':
		return "application/json"
	case bytes.IndexByte(text, '=') > 0:
		return "application/x-www-form-urlencoded"
	default:
		return "text/plain"
	}
}

// sign signs the request for one attempt.
func (s *signer) sign(at time.Time) error {
	err := schemes.Sign(s.scheme, &s.request, s.id, at, s.secrets...)
	s.id = ""
	if err != nil {
		return usageError(asFlags(strings.TrimPrefix(err.Error(), "hookonce: ")))
	}
	return nil
}

// sent returns the headers under the names that the sender uses.
func (s *signer) sent() http.Header {
	h := s.request.Header.Clone()
	if slices.Contains([]string{"svix", "clerk", "resend"}, s.name) {
		for _, name := range []string{"Id", "Timestamp", "Signature"} {
			h["Svix-"+name] = h["Webhook-"+name]
			delete(h, "Webhook-"+name)
		}
	}
	return h
}

// messageID returns the id that the receiver reads. It is empty if the scheme
// has none.
func (s *signer) messageID() string {
	a := new(core.Attempt)
	r := core.Request{Method: s.request.Method, URL: s.request.URL, Header: s.sent(), Body: s.request.Body}
	if errors.Join(s.scheme.ReadHeader(&r, a), s.scheme.ReadBody(&r, a)) != nil {
		return ""
	}
	return a.ID
}

// address returns the URL to send to: signing may have changed the path and
// query.
func (s *signer) address() string { return s.to.Scheme + "://" + s.to.Host + s.request.URL }
