package schemes

import (
	"crypto/sha256"
	"encoding/hex"
	"mime"
	"net/url"
	"slices"
	"strings"

	"github.com/hookonce/hookonce/core"
)

// Twilio is the scheme of Twilio's webhooks: X-Twilio-Signature, HMAC-SHA1 in base64 under the auth token. url is the public address of the endpoint as
// in [Template].URL, with a port if it is registered with one.
//
// Of a form, Twilio signs the URL and the sorted parameters without anything between name and value, so "To=1" can be sent again as "T=o1" under the same
// signature: Message.BodySigned is false, and such a change is still the same message. Of any other body it signs the URL, which must end with
// bodySHA256 then; url is without it. The signed text identifies the message. I-Twilio-Idempotency-Token is not signed and good for logs only.
func Twilio(url string) core.Scheme {
	if target, _, err := twilioDigest(url); err == nil {
		url = target // a digest in it is that of one message
	}
	t, err := Template{
		Name: "twilio", Signature: Header("X-Twilio-Signature"), Algorithm: HMACSHA1, Encoding: core.Base64, ID: Header("I-Twilio-Idempotency-Token"), IDOptional: true,
		Content: "{url}", URL: url, bodyless: true,
	}.build()
	if err != nil {
		return unusable{"twilio", err}
	}
	return twilio{t}
}

type twilio struct{ *templated }

// At is the scheme for another address.
func (twilio) At(url string) core.Scheme { return Twilio(url) }

func (t twilio) ReadBody(r *core.Request, a *core.Attempt) error {
	target, sum, err := twilioDigest(r.URL)
	if err != nil {
		return err
	}
	signed := *r
	signed.URL = target
	if err := t.templated.ReadBody(&signed, a); err != nil {
		return err
	}
	// Whatever the content type says, which is not signed: a digest that is there must fit.
	if sum != "" {
		got := sha256.Sum256(r.Body)
		if sum[len(sum)-64:] != hex.EncodeToString(got[:]) {
			return &core.Error{Reason: core.ErrNoMatch, Detail: "bodySHA256 in the URL is not the hash of this body: it was changed on the way"}
		}
		a.Content.WriteString(sum)
		a.BodySigned = true
		return nil
	}
	if len(r.Body) == 0 {
		return nil // a GET, whose parameters are in the URL
	}
	if !isForm(r) {
		return malformed("the body is no form, and the URL has no bodySHA256 that would sign it")
	}
	form, err := url.ParseQuery(string(r.Body))
	if err != nil {
		return malformed("the body is not a form that can be read")
	}
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		values := form[name]
		slices.Sort(values)
		for _, v := range slices.Compact(values) {
			a.Content.WriteString(name)
			a.Content.WriteString(v)
		}
	}
	return nil
}

func isForm(r *core.Request) bool {
	kind, _, err := mime.ParseMediaType(strings.Join(r.Header["Content-Type"], ","))
	return err == nil && kind == "application/x-www-form-urlencoded"
}

// prepare puts the hash of a body that is no form into the URL, which is what Twilio signs of it.
func (twilio) prepare(s *signing) {
	r := s.r
	path, query, _ := strings.Cut(r.URL, "?")
	pairs := slices.DeleteFunc(strings.Split(query, "&"), func(pair string) bool { return pair == "" || strings.HasPrefix(pair, "bodySHA256=") })
	if len(r.Body) > 0 && !isForm(r) {
		sum := sha256.Sum256(r.Body)
		r.URL = path + "?" + strings.Join(append(pairs, "bodySHA256="+hex.EncodeToString(sum[:])), "&")
	}
}

const bodySHA256 = "bodySHA256="

// twilioDigest takes the digest, with what joins it, from the end of the request's URL, where Twilio puts it. Elsewhere it may be a parameter of a
// form, with a text that somebody chose: parameters follow the URL in the signed text without anything between.
func twilioDigest(url string) (target, sum string, err error) {
	_, query, _ := strings.Cut(url, "?")
	if !strings.Contains(query, bodySHA256) {
		return url, "", nil
	}
	i := len(url) - len(bodySHA256) - 2*sha256.Size - 1
	if i < 0 || url[i] != '?' && url[i] != '&' || !strings.HasPrefix(url[i+1:], bodySHA256) || strings.Count(query, bodySHA256) != 1 {
		return "", "", malformed("bodySHA256 is not the last parameter of the URL, or there twice")
	}
	return url[:i], url[i:], nil
}
