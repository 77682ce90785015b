package schemes

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/hookonce/hookonce/core"
)

// Plivo returns the scheme for Plivo callbacks. The X-Plivo-Signature-V3 header
// holds a base64-encoded HMAC-SHA256. It covers the endpoint's public URL, the
// sorted parameters of its query and of the form, and
// X-Plivo-Signature-V3-Nonce. The X-Plivo-Signature-Ma-V3 header holds the same
// under the main account's token. address is the public URL, as in
// [Template].URL. The secret is the auth token.
//
// The nonce identifies the message. Plivo does not document whether a retry
// repeats the nonce. If a retry has another nonce, the handler runs again.
// Attempts have no signed timestamp.
//
// The signed text has no separators between the names and values of the form.
// This lets anyone who captured a message move the boundary between a name and
// its value. Message.BodySigned is therefore false, and the changed form counts
// as the same message. Plivo does not sign a body that is not a form, so such a
// body is rejected. Plivo executes the response to a call. A redelivery with a
// CallUUID is therefore refused, and never acknowledged with an empty body.
//
// Source: www.npmjs.com/package/plivo/v/4.79.0, as of November 2026. The header
// names are from Plivo's examples.
func Plivo(address string) core.Scheme {
	at, err := publicURL(address)
	if err != nil {
		return unusable{"plivo", err}
	}
	return plivo{must(Template{
		Name: "plivo", Signature: Header("X-Plivo-Signature-V3"), More: []Field{Header("X-Plivo-Signature-Ma-V3")}, List: ",", Encoding: core.Base64,
		ID:      Header("X-Plivo-Signature-V3-Nonce"),
		Content: "address.{id}", bodyless: true, // only for the checks; see ReadBody
	}), at}
}

type plivo struct {
	*templated

	at address
}

// Facts implements [core.Describer].
func (s plivo) Facts() core.Facts {
	f := s.facts(s, s.prepare)
	f.URL, f.At = s.at.text, Plivo
	return f
}

// prepare turns a body that is not a form into one.
func (plivo) prepare(s *signing) {
	if len(s.r.Body) > 0 && !hasType(s.header, formType) {
		s.r.Body = []byte(url.Values{"Text": {string(s.r.Body)}}.Encode())
		s.header.Set("Content-Type", formType)
	}
}

const formType = "application/x-www-form-urlencoded"

// ReadHeader implements [core.Scheme].
func (s plivo) ReadHeader(r *core.Request, a *core.Attempt) error {
	if err := s.readID(r, a); err != nil {
		return err
	}
	// The nonce comes last, after a dot. If it contains no dot itself, the signed text splits in
	// only one way.
	if strings.Contains(a.ID, ".") {
		return malformed("the nonce contains a dot, so one signature would fit two messages")
	}
	if err := s.readSignatures(r, a); err != nil {
		return err
	}
	if len(a.Signatures) == 0 {
		return missing(s.t.Signature.name())
	}
	return nil
}

// ReadBody implements [core.Scheme].
func (s plivo) ReadBody(r *core.Request, a *core.Attempt) error {
	base, rest, ok := s.at.of(r)
	if !ok {
		return misdirected(r)
	}
	base, text, whole := strings.Cut(base, "?")
	if !whole {
		var path string
		path, text, _ = strings.Cut(rest, "?")
		rest = path
	} else {
		rest = ""
	}
	query, form := newForm(), newForm()
	defer query.release()
	defer form.release()
	if !readForm(query, text) {
		return malformed("the URL's query has invalid URL encoding")
	}
	switch {
	case len(r.Body) == 0 && (r.Method == http.MethodGet || r.Method == http.MethodPost):
	case r.Method != http.MethodPost || !hasType(r.Header, formType):
		return malformed("the request is neither a GET without a body nor a POST with a form: Plivo signs nothing else")
	default:
		if !readForm(form, r.Body) {
			return malformed("the body is not a valid URL-encoded form: is it truncated?")
		}
	}
	c := &a.Content
	c.WriteString(base)
	c.WriteString(rest)
	if len(query.pairs)+len(form.pairs) > 0 {
		c.WriteString("?")
	}
	query.write(c, "=", "&")
	if len(query.pairs) > 0 && len(form.pairs) > 0 {
		c.WriteString(".")
	}
	form.write(c, "", "")
	c.WriteString(".")
	c.WriteString(a.ID)
	// A request that belongs to a call asks what to do next. It has a CallUUID in the query or in
	// the form.
	a.Reply = query.has("CallUUID") || form.has("CallUUID")
	return nil
}
