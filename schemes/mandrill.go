package schemes

import (
	"net/url"

	"github.com/hookonce/hookonce/core"
)

// Mandrill is the scheme of Mailchimp Transactional (Mandrill):
// X-Mandrill-Signature, HMAC-SHA1 in base64 of the public address and the
// form's only parameter, mandrill_events. address is the complete address of
// the endpoint as registered there. A form with another parameter is rejected:
// the signed text has nothing between names and values.
//
// The events identify the message. No document says that two messages have
// different events, so a redelivery is not acknowledged. The signature covers
// the events but not the bytes of the form, so Message.BodySigned is false. No
// time of an attempt is signed. Neither a library of the sender nor a published
// vector confirms this scheme.
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
		return malformed("the body is not a form with only " + mandrillEvents)
	}
	if !s.url.write(r, &a.Content) {
		return malformed("the query of the request differs from that of the configured URL")
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
