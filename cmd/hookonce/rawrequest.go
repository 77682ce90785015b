package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"

	"github.com/hookonce/hookonce/core"
)

// The bounds of the head of a captured request.
const (
	maxHead  = 256 << 10
	maxLines = 1000
)

// capture is a request as it was captured, with what there is to say of the capture itself.
type capture struct {
	core.Request

	header http.Header // Request.Header
	notes  []string
}

const requestHelp = "the `FILE` with the captured HTTP/1.1 request, - for standard input: request line, headers, an empty line,\n" +
	"and the body as everything after it"

// readCapture reads the file that --request names.
func readCapture(c *console, name string) (*capture, error) {
	if name == "" {
		return nil, usageError("no request: give --request FILE, or --request - for standard input")
	}
	raw, err := c.read(name, "--request")
	if err != nil {
		return nil, err
	}
	r, err := parseCapture(raw)
	if err != nil {
		return nil, usageError("--request: " + err.Error())
	}
	return r, nil
}

// tell prints what there is to say of the capture.
func (r *capture) tell(c *console) {
	for _, note := range r.notes {
		c.note("note: %s", note)
	}
}

// parseCapture reads a request as it is on the wire. Lines of the head end in CRLF or LF. All behind the empty line is the body, byte for byte,
// whatever Content-Length says: a newline that an editor added is then what an explanation names, instead of being dropped here.
func parseCapture(raw []byte) (*capture, error) {
	lines, body, whole, err := splitHead(bytes.TrimPrefix(raw, []byte("\ufeff"))) // which some editors put in front of a file
	if err != nil {
		return nil, err
	}
	if len(lines) == 0 {
		return nil, errors.New("it is empty: the first line is like POST /hook HTTP/1.1")
	}
	r := &capture{header: make(http.Header)}
	r.Header, r.Body = r.header, body
	if err := r.requestLine(lines[0]); err != nil {
		return nil, err
	}
	for i, line := range lines[1:] {
		name, value, found := strings.Cut(line, ":")
		if !found || name == "" || strings.ContainsAny(name, " \t\"") {
			return nil, fmt.Errorf("line %d is no header like \"Name: value\", and no empty line ends the headers before it", i+2)
		}
		name = http.CanonicalHeaderKey(name)
		r.header[name] = append(r.header[name], strings.Trim(value, " \t"))
	}
	if !whole {
		r.notes = append(r.notes, "no empty line ends the headers, so there is no body")
	}
	if err := r.unchunk(); err != nil {
		return nil, err
	}
	r.compareLength()
	return r, nil
}

// splitHead cuts the head into its lines; one that begins with a space continues the one before. whole says that an empty line ends it.
func splitHead(raw []byte) (lines []string, body []byte, whole bool, err error) {
	rest := raw
	for len(rest) > 0 {
		line, after, _ := bytes.Cut(rest, []byte("\n"))
		if len(raw)-len(after) > maxHead || len(lines) > maxLines {
			return nil, nil, false, errors.New("the head has more than 256 KiB or 1000 lines: is there an empty line between headers and body?")
		}
		rest = after
		text := string(bytes.TrimSuffix(line, []byte("\r")))
		switch {
		case text == "" && len(lines) > 0:
			return lines, rest, true, nil
		case text == "":
			return nil, nil, false, errors.New("it begins with an empty line: the first line is like POST /hook HTTP/1.1")
		case (text[0] == ' ' || text[0] == '\t') && len(lines) > 1: // as servers read it
			lines[len(lines)-1] += " " + strings.Trim(text, " \t")
		default:
			lines = append(lines, text)
		}
	}
	return lines, nil, false, nil
}

func (r *capture) requestLine(line string) error {
	parts := strings.Split(line, " ")
	if len(parts) != 3 || !strings.HasPrefix(parts[2], "HTTP/") || parts[0] == "" || parts[0] != strings.ToUpper(parts[0]) || parts[1] == "" {
		return errors.New("line 1 is no request line like POST /hook HTTP/1.1")
	}
	r.Method, r.URL = parts[0], parts[1]
	if _, err := url.ParseRequestURI(r.URL); err != nil {
		return errors.New("the target in line 1 is no path or URL")
	}
	return nil
}

// unchunk takes the chunks apart, as the server did before the verification.
func (r *capture) unchunk() error {
	if !strings.EqualFold(strings.TrimSpace(strings.Join(r.header["Transfer-Encoding"], ",")), "chunked") {
		return nil
	}
	in := bufio.NewReader(bytes.NewReader(r.Body))
	body, err := io.ReadAll(httputil.NewChunkedReader(in))
	if err != nil {
		return errors.New("Transfer-Encoding is chunked, but the body has no chunks, or the line ends in it were changed: " +
			"if what captured the request joined the chunks, remove that header")
	}
	r.Body = body
	delete(r.header, "Transfer-Encoding")
	return nil
}

// compareLength notes what Content-Length and the body say of each other.
func (r *capture) compareLength() {
	text := r.header.Get("Content-Length")
	n, err := strconv.Atoi(text)
	if err != nil || n == len(r.Body) {
		return
	}
	note := fmt.Sprintf("Content-Length is %d, but %d bytes follow the headers; all of them count as the body", n, len(r.Body))
	if n == len(r.Body)-1 && r.Body[n] == '\n' {
		note += ". The last one is a newline: did an editor add it?"
	}
	r.notes = append(r.notes, note)
}

// address is where the request says it was sent to, for schemes that sign it.
func (r *capture) address() string {
	host := r.header.Get("Host")
	if !strings.HasPrefix(r.URL, "/") || host == "" {
		return r.URL
	}
	return "https://" + host + r.URL
}
