// Package capture reads HTTP requests in common forms: from the wire, a
// sender's delivery page, a gateway's log, or a browser. Read recognizes the
// form.
package capture

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/reqtarget"
)

// The bounds of the headers.
const (
	maxHead  = 256 << 10
	maxLines = 1000
)

// Request is a captured request.
type Request struct {
	// Request has an [http.Header].
	core.Request

	// Form names the form of the capture, such as "a curl command".
	Form string
	// BodyLost reports that the capture does not contain the bytes of the body.
	// A note says why. Body is then empty or an approximation.
	BodyLost bool

	header  http.Header // Request.Header
	size    int         // of the names and values in header
	lines   int
	address string // empty if only the host is known
	notes   []string
	lost    string // why BodyLost is set
}

const rawForm = "a raw HTTP/1.x request"

// Read reads a capture of any form. An error says what is wrong and in which
// line. It does not quote the capture, which may be a secret in the wrong
// place.
func Read(text []byte) (*Request, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // some editors write a byte order mark
	if err := unreadable(text); err != nil {
		return nil, err
	}
	form, read := recognize(text)
	r := &Request{Form: form, header: make(http.Header)}
	r.Header = r.header
	if err := read(r, text); err != nil {
		return nil, err
	}
	if r.Method == "" {
		r.Method = http.MethodPost
		r.note("the capture does not say the method: assuming POST")
	}
	if r.URL == "" {
		r.URL = "/"
		r.note("the capture does not say the URL: give --url if the scheme signs it")
	}
	return r, nil
}

// recognize returns the form and its reader. It checks only the first lines.
func recognize(text []byte) (form string, read func(r *Request, text []byte) error) {
	line, _, _ := bytes.Cut(text[:min(len(text), maxHead)], []byte("\n"))
	start := bytes.TrimSpace(text[:min(len(text), 4<<10)])
	switch {
	case isRequestLine(string(bytes.TrimSuffix(line, []byte("\r")))):
		return rawForm, (*Request).readRaw
	case bytes.HasPrefix(start, []byte("{")) || bytes.HasPrefix(start, []byte("[")):
		return "JSON", (*Request).readJSON // readJSON sets the form
	case isCurl(start):
		return "a curl command", (*Request).readCommand
	case isVerbose(text):
		return "the output of curl -v", (*Request).readVerbose
	case isHeader(string(line)):
		return "headers and body without a request line", (*Request).readHeaders
	default:
		return rawForm, (*Request).readRaw // the errors of readRaw say how a request begins
	}
}

// Raw reports whether the capture is a raw HTTP request.
func (r *Request) Raw() bool { return r.Form == rawForm }

// Bodiless reports whether the capture lacks a body that the request had.
func (r *Request) Bodiless() bool { return r.BodyLost && len(r.Body) == 0 }

// SetBody sets the body of a request whose capture does not contain it.
func (r *Request) SetBody(body []byte) error {
	if !r.BodyLost && len(r.Body) > 0 {
		return errors.New("the capture has a body: remove the body from the capture, or omit the flag")
	}
	r.Body, r.BodyLost = body, false
	return nil
}

// Notes returns the assumptions of the reader and the parts that it could not
// read, and a contradiction between Content-Length and the body.
func (r *Request) Notes() []string {
	if r.BodyLost {
		return append(slices.Clip(r.notes), r.lost+": give the bytes that were sent with --body FILE")
	}
	n, err := strconv.Atoi(r.header.Get("Content-Length"))
	if err != nil || n == len(r.Body) {
		return r.notes
	}
	if !r.Raw() {
		return append(slices.Clip(r.notes), fmt.Sprintf("Content-Length is %d, but the body of the capture has %d bytes", n, len(r.Body)))
	}
	note := fmt.Sprintf("Content-Length is %d, but %d bytes follow the headers: all of them count as the body", n, len(r.Body))
	if n == len(r.Body)-1 && r.Body[n] == '\n' {
		note += ". The last one is a newline: did an editor add it?"
	}
	return append(slices.Clip(r.notes), note)
}

// Address returns the address to which the request was sent, for schemes that
// sign it. If no host is known, it returns only the URL.
func (r *Request) Address() string {
	host := r.header.Get("Host")
	switch {
	case r.address != "":
		return r.address
	case !strings.HasPrefix(r.URL, "/") || host == "":
		return r.URL
	default:
		return "https://" + host + r.URL
	}
}

func (r *Request) note(format string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

// lose records why the bytes of the body are missing.
func (r *Request) lose(why string) { r.BodyLost, r.lost = true, why }

var (
	errNoHeader  = errors.New("is not a header such as \"Name: value\"")
	errLongHead  = errors.New("the headers are longer than 256 KiB or 1,000 lines: is there a blank line between the headers and the body?")
	errNoMethod  = errors.New("the method must be a name such as POST")
	errNoAddress = errors.New("the request target is neither a path nor a URL")
)

// add adds a header. In HTTP/2 the parts of the request line are headers.
func (r *Request) add(name, value string) error {
	if pseudo, ok := strings.CutPrefix(name, ":"); ok {
		return r.pseudo(pseudo, value)
	}
	if !isName(name) || strings.ContainsAny(value, "\r\n\x00") {
		return errNoHeader
	}
	name = http.CanonicalHeaderKey(name)
	r.size += len(name) + len(value)
	if r.lines++; r.size > maxHead || r.lines > maxLines {
		return errLongHead
	}
	r.header[name] = append(r.header[name], strings.Trim(value, " \t"))
	return nil
}

// headerError adds the place of a header to an error of add.
func headerError(place string, err error) error {
	if errors.Is(err, errNoHeader) {
		return fmt.Errorf("%s %w", place, err)
	}
	return fmt.Errorf("%s: %w", place, err)
}

func (r *Request) pseudo(name, value string) error {
	switch name {
	case "method":
		return r.setMethod(value)
	case "path":
		return r.setURL(value)
	case "authority":
		r.header.Set("Host", value)
	case "scheme", "protocol":
	default:
		return errNoHeader
	}
	return nil
}

// isName reports whether servers accept name as the name of a header.
func isName(name string) bool {
	return name != "" && strings.IndexFunc(name, func(c rune) bool {
		return c <= ' ' || c > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, c)
	}) < 0
}

func (r *Request) setMethod(text string) error {
	if text == "" || len(text) > 32 || strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_") != "" {
		return errNoMethod
	}
	r.Method = text
	return nil
}

// setURL parses a path or a whole URL. Path and query keep their spelling.
func (r *Request) setURL(text string) error {
	text, _, _ = strings.Cut(text, "#")
	if strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
		return errNoAddress
	}
	if strings.HasPrefix(text, "/") {
		if _, err := url.ParseRequestURI(text); err != nil {
			return errNoAddress
		}
		r.URL = text
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return errNoAddress
	}
	target := reqtarget.PathAndQuery(text)
	if !strings.HasPrefix(target, "/") {
		target = "/" + target
	}
	r.URL, r.address = target, u.Scheme+"://"+u.Host+target
	if r.header.Get("Host") == "" {
		r.header.Set("Host", u.Host)
	}
	return nil
}
