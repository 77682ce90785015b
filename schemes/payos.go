package schemes

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
)

// PayOS returns the scheme for payOS webhooks. signature in the body holds the
// hex-encoded HMAC-SHA256 of the members of data, sorted by name, written as
// "name=value" and joined with "&". The secret is the checksum key.
//
// Only data is signed. Anyone who captured a message can change the other
// members: code, desc and success. Message.BodySigned is therefore false, and
// the changed message counts as the same message. data, which includes
// reference and transactionDateTime, identifies the message. payOS does not
// document whether two events can have the same data, so a redelivery is
// refused with [core.ErrRepeated]. Attempts have no signed timestamp.
//
// One signature must not fit two messages. The scheme therefore rejects a value
// that contains "&", a name that sorts after the name of the value, and "=". It
// also rejects numbers that JavaScript would print differently, and any object
// or array in data.
//
// Source: www.npmjs.com/package/@payos/node/v/2.0.5, as of November 2026.
func PayOS() core.Scheme {
	return payOS{must(Template{
		Name: "payos", Signature: JSON("signature"), Indistinct: true,
		Content: "{body}", bodyless: true, // only for the checks; see payOSText
	})}
}

type payOS struct{ *templated }

// Facts implements [core.Describer].
func (s payOS) Facts() core.Facts {
	f := s.facts(s, nil)
	f.IdentifiedBy = "" // no other scheme identifies a message by data alone
	f.Sign = func(r *core.Request, _ string, _ time.Time, secrets ...string) error {
		if len(secrets) != 1 {
			return fmt.Errorf("schemes: payos signs with one secret, not %d", len(secrets))
		}
		if _, err := s.ParseKey(secrets[0]); err != nil {
			return fmt.Errorf("secret 1 of 1: %w", err)
		}
		text, err := payOSText(r.Body)
		if err != nil {
			return err
		}
		var c core.Content
		c.WriteString(text)
		body, ok := replaceAt(r.Body, []string{"signature"}, HMACSHA256.is().sum([]byte(secrets[0]), core.Hex, false)(&c))
		if !ok {
			return malformed("at signature, the body needs a number, or a string without escapes: add a placeholder such as \"\"")
		}
		r.Body = body
		return nil
	}
	return f
}

// ReadBody implements [core.Scheme].
func (s payOS) ReadBody(r *core.Request, a *core.Attempt) error {
	text, err := payOSText(r.Body)
	if err != nil {
		return err
	}
	a.Content.WriteString(text)
	a.BodySigned = false
	found := s.outline.read(r.Body, nil)
	return s.readValues(r.Body, &found, a)
}

// payOSText returns the signed text of a body.
func payOSText(body []byte) (string, error) {
	o, err := parseObject(body)
	if err != nil {
		return "", malformed("the body is not a valid payOS message: " + err.Error())
	}
	// Another parser could take the misspelled member for the signed one.
	if o.misspells([]string{"data", "signature"}) {
		return "", malformed("the body has \"data\" or \"signature\" in the wrong case")
	}
	data, err := parseObject(o["data"])
	if err != nil {
		return "", malformed("the \"data\" member of the body is not valid: " + err.Error())
	}
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(data)) {
		if !isToken(name) {
			return "", malformed("the \"data\" member of the body has a name that is not 1 to 128 letters, digits, - or _")
		}
		value, err := data.printed(name)
		if err != nil {
			return "", malformed("the \"data\" member of the body is not valid: " + err.Error())
		}
		if splits(name, value, isToken) {
			return "", malformed("a value in \"data\" could be split into several members, so one signature would fit two messages")
		}
		pairs = append(pairs, name+"="+value)
	}
	return strings.Join(pairs, "&"), nil
}

// printed returns a member as the sender's JavaScript formats it in a string.
// null becomes the empty string.
func (o object) printed(name string) (string, error) {
	if text, ok := o.text(name); ok {
		if text == "null" || text == "undefined" {
			text = ""
		}
		return text, nil
	}
	switch raw := string(o[name]); {
	case raw == "null":
		return "", nil
	case raw == "true", raw == "false", printsAsWritten(raw):
		return raw, nil
	default:
		return "", errors.New("a value is not a string, a whole number of up to 15 digits, true, false or null")
	}
}

// printsAsWritten reports whether a text is a number that JavaScript prints as
// it is written: an integer of up to 15 digits. It may print any other number
// differently.
func printsAsWritten(raw string) bool {
	number := strings.TrimPrefix(raw, "-")
	_, ok := digits(number)
	return raw == "0" || ok && len(number) <= 15
}
