package schemes

import (
	"cmp"
	"strings"
	"unicode/utf8"

	"github.com/hookonce/hookonce/core"
)

// CoinbaseCDP returns the scheme for Coinbase's Developer Platform: see
// [Hook0]. Its products sign different headers, X-Event-Id or X-Hook0-Id, so no
// header is required. No id is signed, so each attempt counts as a separate
// message. This scheme has not been tested against an official library or a
// published test vector.
func CoinbaseCDP() core.Scheme { return Hook0() }

// Hook0 returns the scheme for Hook0 webhooks. In the X-Hook0-Signature header,
// t is the timestamp, h lists the signed headers, and v1 is the signature. The
// signature is the hex-encoded HMAC-SHA256 of the timestamp, the names of the
// signed headers, their values and the JSON body. required lists the headers
// that a message must sign. v0, which signs no headers, is ignored.
//
// Each attempt has a new timestamp and counts as a separate message. The signed
// text does not mark where the value of a header ends, so no header can
// identify the message. The X-Event-Id header serves only for logs.
//
// Source: hook0/hook0, clients/rust/src/signature.rs at commit 27cf66d, as of
// November 2026.
func Hook0(required ...string) core.Scheme {
	s := hook0{names: Entry("X-Hook0-Signature", "h"), templated: must(Template{
		Name: "hook0", Signature: Header("X-Hook0-Signature"), List: ",", Label: "v1=",
		Timestamp: Entry("X-Hook0-Signature", "t"), Stamping: core.StampedEachAttempt, ID: Header("X-Event-Id"), idForLogs: true,
		Content: "{timestamp}.{body}",
	})}
	for _, name := range required {
		s.required = append(s.required, strings.ToLower(name))
	}
	return s
}

type hook0 struct {
	*templated

	names    Field    // of the signed headers
	required []string // in lower case
}

// Facts implements [core.Describer].
func (s hook0) Facts() core.Facts { return s.facts(s, s.prepare) }

func (s hook0) ReadBody(r *core.Request, a *core.Attempt) error {
	names, err := s.names.inHeader(r.Header, s.t.List)
	if err != nil {
		return err
	}
	a.Content.WriteString(names) // after the timestamp, which the template wrote
	a.Content.WriteString(".")
	if err := s.writeHeaders(r.Header, names, a); err != nil {
		return err
	}
	// Values end with a dot, and so could a part of the body that was moved into a value. So a body
	// must begin with a bracket or a brace, and no value may contain either.
	if len(r.Body) == 0 || r.Body[0] != '{' && r.Body[0] != '[' {
		return malformed("the body must begin with { or [, as a JSON object or array does")
	}
	a.Content.WriteBody(r.Body)
	return nil
}

// signed returns the values of a header by its signed name, ignoring case. It
// rejects names that no server accepts. It also rejects names that could begin
// a JSON body: v0 signs only the timestamp and the body, and must not pass as
// v1. It rejects a dot, which would end the list of names.
func signed(h core.Header, name string) []string {
	if len(name) > 64 || strings.Contains(name, ".") || strings.ContainsFunc(name, func(r rune) bool { return r >= utf8.RuneSelf || !isTokenByte(byte(r)) }) { //nolint:gosec // ASCII
		return nil
	}
	return valuesOf(h, name)
}

func (s hook0) writeHeaders(h core.Header, names string, a *core.Attempt) error {
	missed := len(s.required)
	for name := range strings.SplitSeq(names, " ") {
		values := signed(h, name)
		if len(values) != 1 || strings.IndexByte(values[0], '{') >= 0 || strings.IndexByte(values[0], '[') >= 0 {
			return malformed("a signed header must occur exactly once, with a value without \"{\" or \"[\". Its name must be a token of at most 64 bytes without a dot")
		}
		for _, required := range s.required {
			if strings.ToLower(name) == required {
				missed--
			}
		}
		a.Content.WriteString(values[0])
		a.Content.WriteString(".")
	}
	if missed > 0 {
		return malformed("these headers must all be signed: " + strings.Join(s.required, ", "))
	}
	return nil
}

// prepare selects the headers to sign: the ones that the request lists, or else
// the required ones, or else the id.
func (s hook0) prepare(to *signing) {
	names, err := s.names.inHeader(to.r.Header, s.t.List)
	if err != nil {
		names = cmp.Or(strings.Join(s.required, " "), "x-event-id")
	}
	to.entries = []string{"h=" + names}
}
