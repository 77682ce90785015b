package explain

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/hookonce/hookonce/core"
)

// observeMethod reports a GET that was a POST. Such a request has the headers
// of a signed message and no body, or its signature should be in the body.
func (s *search) observeMethod(_ error, add func(Mistake, string)) {
	if m := s.req.Method; m != http.MethodGet && m != http.MethodHead || len(s.req.Body) > 0 {
		return
	}
	// Twilio also sends GET requests. They have their parameters in the query and no body.
	r := s.req
	a := new(core.Attempt)
	if s.scheme.ReadHeader(&r, a) == nil && s.scheme.ReadBody(&r, a) == nil && !a.BodySigned && strings.Contains(r.URL, "?") &&
		len(r.Header.Values("Content-Type")) == 0 {
		return
	}
	if s.signedInBody() {
		add(wrongMethod, "the request is a "+s.req.Method+" without a body, but "+s.scheme.Name()+" has its signature in the body: a redirect or a "+
			"cache turned a POST into a "+s.req.Method+", or the request is not from the sender")
		return
	}
	// The headers may be another provider's: a GET without a body is wrong for each.
	signed := slices.Concat(s.facts.Headers...)
	for _, o := range s.others() {
		signed = append(signed, slices.Concat(o.facts.Headers...)...)
	}
	what := "has the headers of a signed message"
	switch {
	case anyHeader(signed, s.req.Header):
	case s.signedInURL():
		what = "has the signature of a message in its URL"
	default:
		return
	}
	add(wrongMethod, "the request is a "+s.req.Method+" without a body, but "+what+": a redirect or a cache probably turned a POST into a "+s.req.Method+
		" and lost the body")
}

// signedInBody reports whether a POST with these headers needs a body for its
// signature.
func (s *search) signedInBody() bool {
	r := s.req
	r.Method = http.MethodPost
	a := new(core.Attempt)
	return s.scheme.ReadHeader(&r, a) == nil && len(a.Signatures) == 0 && s.scheme.ReadBody(&r, a) != nil
}

// signedInURL reports whether the signature of the request is in its URL.
func (s *search) signedInURL() bool {
	r := s.req
	a := new(core.Attempt)
	return len(s.facts.Headers) == 0 && s.scheme.ReadHeader(&r, a) == nil && len(a.Signatures) > 0
}

// observeAddress says that the address is signed, if the configured address
// takes a part from the request. Proxies change no other signed part as often.
// A wrong secret looks the same, so the text names both. A digest of another
// body proves a change, which the verifier's own text reports.
func (s *search) observeAddress(_ error, add func(Mistake, string)) {
	u, err := url.Parse(s.facts.URL)
	_, query, _ := strings.Cut(s.req.URL, "?")
	// A configured address with its own path and query takes nothing from the request, so the
	// request's address cannot matter.
	if s.facts.URL == "" || err != nil || s.otherDigest() || u.Path != "" && (u.RawQuery != "" || query == "") {
		return
	}
	part := "path and query"
	if u.Path != "" {
		part = "the query"
	}
	add(wrongURL, s.scheme.Name()+" signs the URL, and the configured URL takes "+part+" from the request, which arrived as "+
		strconv.Quote(oneLine(s.hide(s.req.URL), 256))+". A proxy may have rewritten the request's URL, or the secret is a different one")
}

// otherDigest reports whether the request has a digest that is not its body's.
func (s *search) otherDigest() bool {
	h := head{scheme: s.scheme, req: s.req}
	_, digest := h.read(s.req.Body)
	return digest
}

// observeParsed reports the printed form of a body that a program parsed, or a
// body that is not from a webhook.
func (s *search) observeParsed(_ error, add func(Mistake, string)) {
	body := bytes.TrimSpace(s.req.Body)
	kind := strings.ToLower(asMap(s.req.Header).Get("Content-Type"))
	switch {
	// The body itself is the best evidence; headers may be wrong.
	case parsedText(body) != "":
		add(bodyParsed, "the body is "+parsedText(body))
	case isMultipart(body) || strings.HasPrefix(kind, "multipart/form-data") && bytes.HasPrefix(body, []byte("--")):
		add(bodyWrapped, "the body is multipart/form-data, as curl -F and forms with files send it. Either the sender's body is inside it, or the "+
			"sender did not send it")
	// Content-Type is what the sender declared. A body that contradicts it was probably rewritten.
	case strings.HasPrefix(kind, "application/x-www-form-urlencoded") && looksLikeJSON(body):
		add(bodyForm, "Content-Type says that the body is a form, but it is JSON. Either something parsed the form and wrote it as JSON, or the sender "+
			"(such as curl -d) gives the wrong type")
	case s.wantsForm():
		add(bodyForm, "the body is JSON that contains only strings, but the scheme reads a form: something probably parsed the form and wrote it as JSON")
	}
}

// parsedText recognizes the text that a language prints for a parsed value.
// Such a body cannot be restored, but the text shows which language printed it.
func parsedText(body []byte) string {
	// All of these are recognized by their beginning.
	text := string(body[:min(len(body), 32)])
	switch text {
	case "[object Object]", "undefined", "null", "None", "Array":
		return "the text " + text + ": a program printed a parsed body"
	case "{}":
		return "{}, which a parser such as express.json() returns for a content type that it does not parse"
	}
	for _, printed := range []struct{ prefix, by string }{
		{"map[", "a Go map"},
		{"{'", "a Python dict"},
		{"{\"=>", "a Ruby hash"},
		{"<Buffer ", "a Node.js Buffer"},
		{"b'", "Python bytes"},
	} {
		if strings.HasPrefix(text, printed.prefix) {
			return "as a program prints " + printed.by
		}
	}
	// A hash of Ruby looks like JSON up to its first arrow.
	if bytes.HasPrefix(body, []byte(`{"`)) && bytes.Contains(body[:min(len(body), 256)], []byte(`"=>`)) {
		return "as a program prints a Ruby hash"
	}
	return ""
}

// wantsForm reports whether the scheme cannot read this JSON and it may have
// been a form: all its values are strings.
func (s *search) wantsForm() bool {
	r := s.req
	a := new(core.Attempt)
	if !looksLikeJSON(r.Body) || len(r.Body) > maxArranged || s.scheme.ReadHeader(&r, a) != nil {
		return false
	}
	// A wrong digest or a missing header is another problem than a body that cannot be read.
	err := s.scheme.ReadBody(&r, a)
	names, _ := flatStrings(r.Body)
	return err != nil && !errors.Is(err, core.ErrNoMatch) && !errors.Is(err, core.ErrMissingHeader) && len(names) > 0
}
