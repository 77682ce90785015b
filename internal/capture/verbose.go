package capture

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// sentLine is a request line in the output of curl -v. Numbers of the progress
// meter may precede it.
var sentLine = regexp.MustCompile(`^[\r 0-9:.kMGTP-]*> ([A-Z]+ [^ ]+ HTTP/[0-9.]+)$`)

// isVerbose looks for a request line before the first blank line: curl prints
// no blank line before the request line.
func isVerbose(text []byte) bool {
	text = text[:min(len(text), maxHead)]
	for line := range bytes.Lines(text) {
		line = bytes.TrimRight(line, "\r\n")
		if sentLine.Match(line) {
			return true
		}
		if len(line) == 0 {
			return false
		}
	}
	return false
}

// readVerbose reads the lines that curl -v marks as sent. They do not include
// the body.
func (r *Request) readVerbose(text []byte) error {
	text = text[:min(len(text), 4*maxHead)]
	var head []string
	scheme, requests, inside := "http", 0, false
	for raw := range bytes.Lines(text) {
		line := strings.TrimRight(string(raw), "\r\n")
		sent, ok := strings.CutPrefix(line, ">")
		sent = strings.TrimPrefix(sent, " ")
		start := sentLine.FindStringSubmatch(line)
		switch {
		case strings.HasPrefix(line, "* SSL connection using"):
			scheme = "https"
		case start != nil:
			inside = !strings.HasPrefix(start[1], "CONNECT ") // to a proxy
			if inside {
				requests++
				head = append(head[:0], start[1])
			}
		case inside && ok && sent != "":
			head = append(head, sent)
		case ok || strings.HasPrefix(line, "<"):
			inside = false
		}
	}
	switch {
	case requests > 1:
		return fmt.Errorf("curl sent %d requests, as after a redirect: keep the lines of one request", requests)
	case requests == 0:
		return errors.New("the input looks like the output of curl -v, but contains no request to an endpoint")
	case len(head) > maxLines:
		return errLongHead
	}
	if err := r.requestLine(head[0]); err != nil {
		return err
	}
	for i, line := range head[1:] {
		name, value, _ := strings.Cut(line, ":")
		if err := r.add(name, value); err != nil {
			return headerError(fmt.Sprintf("sent line %d", i+2), err)
		}
	}
	if host := r.header.Get("Host"); host != "" && strings.HasPrefix(r.URL, "/") {
		r.address = scheme + "://" + host + r.URL
	}
	if length := r.header.Get("Content-Length"); r.header.Get("Transfer-Encoding") != "" || length != "" && length != "0" {
		r.lose("curl -v does not print the body")
	}
	return nil
}
