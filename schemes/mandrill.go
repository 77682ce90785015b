package schemes

import (
	"net/url"

	"github.com/hookonce/hookonce/core"
)

// Mandrill is the scheme of Mailchimp Transactional (Mandrill):
// X-Mandrill-Signature, HMAC-SHA1 in base64 of the public address and the
// form's only parameter, mandrill_events. address is that of the endpoint,
// whole, as it is registered there. A form with another parameter is refused:
// names and values follow each other in the signed text without anything
// between.
//
// The events identify the message. Nobody says that those of two messages
// differ, so a handled message that comes again is not acknowledged. The bytes
// of the form are not signed, its events are: Message.BodySigned is false. No
// time of an attempt is signed. Neither a library of the sender nor a published
// vector confirms this scheme.
//
// Source: mailchimp.com/developer/transactional/guides, as of November 2026.
func Mandrill(address string) core.Scheme {
	s, err := Template{
		Name: "mandrill", Signature: Header("X-Mandrill-Signature"), Algorithm: HMACSHA1, Encoding: core.Base64, URL: address,
		Indistinct: true,
		Content:    "{url}{body}", // of the body, what is below
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
		return malformed("the body is not a form with " + mandrillEvents + " and nothing else")
	}
	if !s.url.write(r, &a.Content) {
		return malformed("the query of the request is not that of the configured URL")
	}
	form.write(&a.Content, "", "")
	a.BodySigned, a.Indistinct = false, s.indistinct(a.Unsigned)
	return nil
}

// prepare makes a form of a body that is none.
func (mandrill) prepare(s *signing) {
	if form, err := url.ParseQuery(string(s.r.Body)); err != nil || len(form[mandrillEvents]) != 1 {
		s.r.Body = []byte(url.Values{mandrillEvents: {string(s.r.Body)}}.Encode())
	}
}
