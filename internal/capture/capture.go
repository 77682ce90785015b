// Package capture reads HTTP requests as people have them at hand: from the
// wire, from a provider's page of deliveries, from a gateway's log, or from a
// browser. Read finds out which form it is.
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
)

// The bounds of the headers.
const (
	maxHead  = 256 << 10
	maxLines = 1000
)

// Request is a request as it was captured.
type Request struct {
	// Request has an [http.Header].
	core.Request

	// Form says what the capture was read as, such as "a curl command".
	Form string
	// BodyLost says that the capture does not hold the bytes of the body: a
	// note says why. Body is then empty, or the nearest thing to them.
	BodyLost bool

	header  http.Header // Request.Header
	size    int         // of names and values in header
	lines   int
	address string // empty: the host says it
	notes   []string
	lost    string // why BodyLost is set
}

const rawForm = "a raw HTTP/1.x request"

// Read reads a capture of any form. An error says what is wrong and in which
// line, and holds nothing of the capture: it may be a secret in the wrong
// place.
func Read(text []byte) (*Request, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // some editors put it at the start of a file
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
		r.note("the capture does not say the method: it is taken for POST")
	}
	if r.URL == "" {
		r.URL = "/"
		r.note("the capture does not say the address: give --url where the scheme signs it")
	}
	return r, nil
}

// recognize goes by the first lines.
func recognize(text []byte) (form string, read func(r *Request, text []byte) error) {
	line, _, _ := bytes.Cut(text[:min(len(text), maxHead)], []byte("\n"))
	start := bytes.TrimSpace(text[:min(len(text), 4<<10)])
	switch {
	case isRequestLine(string(bytes.TrimSuffix(line, []byte("\r")))):
		return rawForm, (*Request).readRaw
	case bytes.HasPrefix(start, []byte("{")) || bytes.HasPrefix(start, []byte("[")):
		return "JSON", (*Request).readJSON // which says what it is
	case isCurl(start):
		return "a curl command", (*Request).readCommand
	case isVerbose(text):
		return "the output of curl -v", (*Request).readVerbose
	case isHeader(string(line)):
		return "headers and body without a request line", (*Request).readHeaders
	default:
		return rawForm, (*Request).readRaw // whose errors say how a request begins
	}
}

// Raw says that the capture is a request as it is on the wire.
func (r *Request) Raw() bool { return r.Form == rawForm }

// Bodiless says that the capture lacks a body that the request had.
func (r *Request) Bodiless() bool { return r.BodyLost && len(r.Body) == 0 }

// SetBody gives a request the body that its capture does not hold.
func (r *Request) SetBody(body []byte) error {
	if !r.BodyLost && len(r.Body) > 0 {
		return errors.New("the capture has a body: remove it there, or leave the flag out")
	}
	r.Body, r.BodyLost = body, false
	return nil
}

// Notes says what there is to know about the capture, and what Content-Length
// and the body say of each other.
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
	note := fmt.Sprintf("Content-Length is %d, but %d bytes follow the headers; all of them count as the body", n, len(r.Body))
	if n == len(r.Body)-1 && r.Body[n] == '\n' {
		note += ". The last one is a newline: did an editor add it?"
	}
	return append(slices.Clip(r.notes), note)
}

// Address is where the request says it was sent to, for schemes that sign it.
// It is the URL alone where no host is known.
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

// lose says why the bytes of the body are not there.
func (r *Request) lose(why string) { r.BodyLost, r.lost = true, why }

var (
	errNoHeader  = errors.New("is not a header like \"Name: value\"")
	errLongHead  = errors.New("the headers are more than 256 KiB or 1000 lines: is there an empty line between headers and body?")
	errNoMethod  = errors.New("the method is none like POST")
	errNoAddress = errors.New("the address is neither a path nor a URL")
)

// add adds a header line. HTTP/2 has parts of the request line as headers.
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

// isName says that servers take this for the name of a header.
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

// setURL takes a path, or a whole URL apart. Path and query keep their
// spelling.
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
	_, target, _ := strings.Cut(text, "://")
	target = target[strings.IndexAny(target+"/", "/?"):]
	if !strings.HasPrefix(target, "/") {
		target = "/" + target
	}
	r.URL, r.address = target, u.Scheme+"://"+u.Host+target
	if r.header.Get("Host") == "" {
		r.header.Set("Host", u.Host)
	}
	return nil
}
