package schemes

import (
	"cmp"
	"strings"
	"unicode/utf8"

	"github.com/hookonce/hookonce/core"
)

// CoinbaseCDP is the scheme of Coinbase's Developer Platform; see [Hook0]. Its
// products sign different headers, X-Event-Id or X-Hook0-Id, so none is
// required. No id is signed, so each attempt is a message of its own. Neither a
// library of the sender nor a published vector confirms this scheme.
func CoinbaseCDP() core.Scheme { return Hook0() }

// Hook0 is the scheme of Hook0: t, h and v1 in X-Hook0-Signature, HMAC-SHA256
// of time, names of headers, their values and the JSON body. required lists the
// headers that a message must sign. v0, which signs no headers, is ignored.
//
// Each attempt has a new timestamp and is a message of its own. The signed text
// does not mark where the value of a header ends, so no header can identify the
// message. X-Event-Id is only for logs.
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
	a.Content.WriteString(names) // behind the time, which the template wrote
	a.Content.WriteString(".")
	if err := s.writeHeaders(r.Header, names, a); err != nil {
		return err
	}
	// Values end with a dot, and so could a part of the body that was moved into one. So a body
	// must begin with a bracket, and no value may contain any.
	if len(r.Body) == 0 || r.Body[0] != '{' && r.Body[0] != '[' {
		return malformed("the body is not a JSON object or list")
	}
	a.Content.WriteBody(r.Body)
	return nil
}

// signed returns the values of a header by its signed name, in any case. It
// rejects names that no server accepts. It also rejects names that could begin
// a JSON body: v0 signs only timestamp and body, and must not pass as v1. A dot
// would end the list of names.
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
			return malformed("a signed header must occur exactly once, and its name and value must be ones that can be signed")
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

// prepare selects the headers to sign: those that the request lists, else the
// required ones, else the id.
func (s hook0) prepare(to *signing) {
	names, err := s.names.inHeader(to.r.Header, s.t.List)
	if err != nil {
		names = cmp.Or(strings.Join(s.required, " "), "x-event-id")
	}
	to.entries = []string{"h=" + names}
}
