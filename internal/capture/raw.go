package capture

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http/httputil"
	"net/url"
	"strings"
)

// readRaw reads a request as it is on the wire. Header lines end in CRLF or LF.
// Everything after the blank line is the body, byte for byte, whatever
// Content-Length says. So an explanation can report a newline that an editor
// added.
func (r *Request) readRaw(text []byte) error {
	lines, body, whole, err := splitHead(text)
	if err != nil {
		return err
	}
	if len(lines) == 0 {
		return errors.New("the input is empty: the first line must be a request line such as POST /hook HTTP/1.1")
	}
	if err := r.requestLine(lines[0]); err != nil {
		return err
	}
	if err := r.addLines(lines[1:], 2); err != nil {
		return err
	}
	r.Body = body
	if !whole {
		r.lose("no blank line ends the headers, so there is no body")
	}
	return r.unchunk()
}

// readHeaders reads what the delivery pages of providers show: headers, a blank
// line, and the body.
func (r *Request) readHeaders(text []byte) error {
	lines, body, whole, err := splitHead(text)
	if err != nil {
		return err
	}
	if err := r.addLines(lines, 1); err != nil {
		return err
	}
	r.Body = body
	if !whole {
		r.lose("no blank line ends the headers, so there is no body")
	}
	_ = r.unchunk() // pages show the body without chunks
	return nil
}

// addLines adds lines like "Name: value". first is the number of the first
// line. GitHub's delivery page shows the request line as two such lines.
func (r *Request) addLines(lines []string, first int) error {
	for i, line := range lines {
		name, value, found := strings.Cut(line, ":")
		if strings.HasPrefix(line, ":") {
			name, value, found = strings.Cut(line[1:], ":")
			name = ":" + name
		}
		err := errNoHeader
		switch {
		case first == 1 && strings.EqualFold(name, "Request URL"):
			err = r.setURL(strings.TrimSpace(value))
		case first == 1 && strings.EqualFold(name, "Request method"):
			err = r.setMethod(strings.TrimSpace(value))
		case found:
			err = r.add(name, strings.Trim(value, " \t"))
		}
		switch {
		case errors.Is(err, errNoHeader):
			return fmt.Errorf("line %d %w, and no blank line ends the headers before it", i+first, err)
		case err != nil:
			return fmt.Errorf("line %d: %w", i+first, err)
		}
	}
	return nil
}

// isHeader reports whether a first line is a header, or a line of a page that
// shows headers.
func isHeader(line string) bool {
	name, value, found := strings.Cut(strings.TrimPrefix(line, ":"), ":")
	request := strings.EqualFold(name, "Request URL") || strings.EqualFold(name, "Request method")
	return found && (isName(name) || request) && !strings.HasPrefix(value, "//")
}

// splitHead splits the headers into lines. A line that begins with a space
// continues the line before it. whole reports that a blank line ends the
// headers.
func splitHead(raw []byte) (lines []string, body []byte, whole bool, err error) {
	rest := raw
	for len(rest) > 0 {
		line, after, _ := bytes.Cut(rest, []byte("\n"))
		if len(raw)-len(after) > maxHead || len(lines) > maxLines {
			return nil, nil, false, errLongHead
		}
		rest = after
		text := string(bytes.TrimSuffix(line, []byte("\r")))
		switch {
		case text == "" && len(lines) > 0:
			return lines, rest, true, nil
		case text == "":
			return nil, nil, false, errors.New("the input starts with a blank line: the first line must be a request line such as POST /hook HTTP/1.1")
		case (text[0] == ' ' || text[0] == '\t') && len(lines) > 1: // as servers read it
			lines[len(lines)-1] += " " + strings.Trim(text, " \t")
		default:
			lines = append(lines, text)
		}
	}
	return lines, nil, false, nil
}

// isRequestLine checks only the form.
func isRequestLine(line string) bool {
	parts := strings.Split(line, " ")
	return len(parts) == 3 && strings.HasPrefix(parts[2], "HTTP/") && parts[0] != "" && parts[0] == strings.ToUpper(parts[0]) && parts[1] != ""
}

func (r *Request) requestLine(line string) error {
	if strings.HasPrefix(line, "HTTP/") {
		return errors.New("line 1 belongs to a response: give the request that was sent to the endpoint")
	}
	if !isRequestLine(line) {
		return errors.New("line 1 is neither a request line such as POST /hook HTTP/1.1 nor a header, a curl command or JSON: hookonce help verify " +
			"lists the recognized forms")
	}
	parts := strings.Split(line, " ")
	r.Method, r.URL = parts[0], parts[1]
	if _, err := url.ParseRequestURI(r.URL); err != nil {
		return errors.New("the target in line 1 is neither a path nor a URL")
	}
	return nil
}

// unchunk joins the chunks, as the server did before the verification.
func (r *Request) unchunk() error {
	if !strings.EqualFold(strings.TrimSpace(strings.Join(r.header["Transfer-Encoding"], ",")), "chunked") || r.BodyLost {
		return nil
	}
	in := bufio.NewReader(bytes.NewReader(r.Body))
	body, err := io.ReadAll(httputil.NewChunkedReader(in))
	if err != nil {
		return errors.New("Transfer-Encoding is chunked, but the body has no chunks, or its line endings were changed. If the capturing tool joined the " +
			"chunks, remove the Transfer-Encoding header")
	}
	r.Body = body
	delete(r.header, "Transfer-Encoding")
	return nil
}
