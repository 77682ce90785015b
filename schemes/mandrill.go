package schemes

import (
	"net/url"

	"github.com/hookonce/hookonce/core"
)

// Mandrill returns the scheme for Mailchimp Transactional (Mandrill) webhooks.
// The X-Mandrill-Signature header holds the base64-encoded HMAC-SHA1 of the
// endpoint's public URL and of the form's only parameter, mandrill_events.
// address is the complete URL of the endpoint as registered with Mandrill. A
// form with another parameter is rejected, because the signed text has no
// separator between names and values.
//
// The events identify the message. It is not known whether two messages can
// have the same events, so a redelivery is refused with [core.ErrRepeated]. The
// signature covers the events but not the bytes of the form, so
// Message.BodySigned is false. Attempts have no signed timestamp. This scheme
// has not been tested against an official library or a published test vector.
//
// Source: mailchimp.com/developer/transactional/guides, as of November 2026.
func Mandrill(address string) core.Scheme {
	s, err := Template{
		Name: "mandrill", Signature: Header("X-Mandrill-Signature"), Algorithm: HMACSHA1, Encoding: core.Base64, URL: address,
		Indistinct: true,
		Content:    "{url}{body}", // only for the checks; see ReadBody
	}.build()
	if err != nil {
		return unusable{"mandrill", err}
	}
	return mandrill{s}
}

type mandrill struct{ *templated }

const mandrillEvents = "mandrill_events"

// Facts implements [core.Describer].
func (s mandrill) Facts() core.Facts {
	f := s.facts(s, s.prepare)
	f.At = Mandrill
	return f
}

func (s mandrill) ReadBody(r *core.Request, a *core.Attempt) error {
	form := newForm()
	defer form.release()
	if !readForm(form, r.Body) || len(form.pairs) != 1 || !form.has(mandrillEvents) {
		return malformed("the body must be a form with a single field, " + mandrillEvents)
	}
	if !s.url.write(r, &a.Content) {
		return misdirected(r)
	}
	form.write(&a.Content, "", "")
	// Other bytes can encode the same form.
	a.BodySigned, a.Indistinct = false, s.indistinct(a.Unsigned)
	return nil
}

// prepare turns a body that is not a form into one.
func (mandrill) prepare(s *signing) {
	if form, err := url.ParseQuery(string(s.r.Body)); err != nil || len(form[mandrillEvents]) != 1 {
		s.r.Body = []byte(url.Values{mandrillEvents: {string(s.r.Body)}}.Encode())
	}
}
