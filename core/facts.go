package core

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"
)

// Describer is an optional interface of a [Scheme]. Facts does no I/O and
// always returns the same value. [FactsOf] works for any scheme.
type Describer interface {
	Facts() Facts
}

// Facts describes a [Scheme] and its sender. [New], schemes.Any, schemes.Sign
// and packages explain and whtest use only a scheme's Facts and methods. So
// your own scheme can do everything that a bundled one can. The zero Facts
// describes the usual scheme: a shared secret, the usual tolerance, no
// handshake, no I/O.
//
// A scheme that wraps another one takes the other's facts and changes some of
// them:
//
//	func (s mine) Facts() core.Facts {
//		f := core.FactsOf(s.Scheme)
//		f.Past = time.Hour
//		return f
//	}
type Facts struct {
	// Mistake says what is wrong with the scheme's settings, and what to do.
	// [New] reports it. Nil: nothing is wrong.
	Mistake error

	// Past and Future are the tolerance that the sender prescribes: the
	// defaults of [Config.Past] and [Config.Future]. Zero: the usual tolerance.
	Past, Future time.Duration

	// FreeText says that people choose the secret, so it may be any text.
	// Spaces inside such a secret are not a mistake.
	FreeText bool
	// PublicKeys says that keys are, or may be, public keys of the sender.
	// Otherwise keys are shared secrets.
	PublicKeys bool
	// KeyText converts a public key from a JSON Web Key Set to the text that
	// ParseKey accepts. It returns false if the scheme cannot use the key. text
	// is the base64-encoded key: 32 bytes for Ed25519, the SPKI DER for others.
	// alg is the key's algorithm, such as "ES256" or "EdDSA". For an RSA key,
	// alg is empty if the set does not state it. id is the key's id, which may
	// be empty. If KeyText is nil, ParseKey gets text unchanged, and any alg is
	// accepted.
	KeyText func(text, alg, id string) (string, bool)
	// Fetches says that a key's Verify method may do I/O, to fetch a
	// certificate or a public key. Package explain never calls such a method.
	// Besides these keys, only Challenge may do I/O.
	Fetches bool

	// Headers are the headers that the scheme reads, in canonical form. If the
	// sender uses several alternative sets of headers, there is one list for
	// each set. A request without any of them was not signed. Therefore omit
	// Content-Type, which every request may have, and headers that are signed
	// only because another header names them. Nil: unknown.
	Headers [][]string
	// IdentifiedBy says what identifies a message. It is "{body}" if the signed
	// content is exactly the body, or the JSON pointer of a signed id in the
	// body, such as "/event/id". Empty means that messages are identified in a
	// way that no other scheme shares.
	IdentifiedBy string
	// Unsigned says that the scheme sets [Attempt.Unsigned], whether or not an
	// id is signed.
	Unsigned bool

	// URL is the public address of the endpoint as it was configured, if the
	// signature covers the address. At returns the same scheme for another
	// address.
	URL string
	At  func(url string) Scheme

	// Sign signs r as the sender does. The parameter at is the time of the
	// attempt. Sign adds a signature for every secret, as a sender does during
	// a rotation. schemes.Sign calls it. r.Header is an [http.Header], which
	// Sign changes. If id is empty, Sign uses the id of r, or else a new one,
	// and does not change an id in the body. Sign returns an error if it cannot
	// put the id into the body, or if there are no secrets. It also returns an
	// error for several secrets if the scheme allows only one signature. The
	// error wraps [errors.ErrUnsupported] for a secret that only verifies. Nil:
	// only the sender can sign.
	Sign func(r *Request, id string, at time.Time, secrets ...string) error

	// Challenge responds to the signed message that a sender uses to verify the
	// endpoint. It is called after verification, before the claim, even for a
	// message that nothing identifies (see [Attempt.Unidentified]). If it
	// returns a response, the message is not claimed, and the response is sent
	// instead of running the handler (but see [Config.DangerouslyReportOnly]).
	// key is the key that matched. ctx has the values of the request's context
	// but is never cancelled, so set your own time limit.
	Challenge func(ctx context.Context, r *Request, m *Message, key VerifyKey) *Answer

	// Handshake responds to the unsigned request that a sender uses to verify
	// the endpoint. Handshake is called first and without the body. If it
	// returns a response, nothing is looked up, read or claimed, and the
	// response is sent as for Challenge. Anyone may send such a request, so the
	// response must not contain a secret or a MAC of anything in r. It must
	// have a content type that browsers do not execute.
	Handshake func(r *Request) *Answer

	// AwaitsHandshake and AnswerHandshake are for a handshake that only its
	// body identifies, or whose response depends on the key. They are called
	// for a request that ReadHeader refuses with [ErrMissingHeader]. Such a
	// request is never admitted. A scheme has both functions or neither.
	//
	// AwaitsHandshake reports, from the method, URL and headers alone, whether
	// r may be a handshake. It returns false if the program did not enable
	// handshakes, or if the request has any header of a signed message. Keys
	// are looked up and the body is read for a handshake only if it returns
	// true.
	AwaitsHandshake func(r *Request) bool
	// AnswerHandshake responds to r under the rules of Handshake, except that
	// the response may contain a MAC if SignsHandshakes is set. r has its whole
	// body, at most 16 KiB. key is the first key of the source that is valid
	// now. A response made with key must not be the signature of any message.
	// AnswerHandshake returns nil on every failure. r is then refused for its
	// missing header, like a request from an unknown source.
	AnswerHandshake func(r *Request, key VerifyKey) *Answer
	// SignsHandshakes says that anybody can get a MAC under the secret from
	// AnswerHandshake. Another scheme with that secret could accept the MAC as
	// a signature.
	SignsHandshakes bool
}

// FactsOf returns the facts of any scheme, or the zero Facts if it has none. A
// scheme that embeds another one as an interface, and so hides its facts, gets
// a [Facts.Mistake] instead, which [New] reports.
func FactsOf(s Scheme) Facts {
	if d, ok := s.(Describer); ok {
		return d.Facts()
	}
	if hidden := hidesFacts(reflect.ValueOf(s)); hidden != "" {
		return Facts{Mistake: fmt.Errorf("%T embeds a scheme (%s) as an interface, which hides the scheme's facts, such as its tolerance and "+
			"handshakes. Give %[1]T a method Facts that starts from core.FactsOf(the embedded scheme)", s, hidden)}
	}
	return Facts{}
}

// hidesFacts returns the type of a scheme with facts that v embeds as an
// interface, or "" if there is none. Go promotes only the methods of the
// interface.
func hidesFacts(v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return ""
	}
	for i := range v.NumField() {
		if !v.Type().Field(i).Anonymous {
			continue
		}
		field := v.Field(i)
		if field.Kind() != reflect.Interface {
			if hidden := hidesFacts(field); hidden != "" {
				return hidden
			}
			continue
		}
		if field.IsNil() || !field.Type().Implements(reflect.TypeFor[Scheme]()) {
			continue
		}
		if inner := field.Elem(); inner.Type().Implements(reflect.TypeFor[Describer]()) {
			return inner.Type().String()
		} else if hidden := hidesFacts(inner); hidden != "" {
			return hidden
		}
	}
	return ""
}

// check returns the mistakes in the facts themselves and in the scheme's
// settings.
func (f *Facts) check() error {
	mistake := f.Mistake
	if (f.AwaitsHandshake == nil) != (f.AnswerHandshake == nil) {
		mistake = errors.Join(mistake, errors.New("Facts has only one of AwaitsHandshake and AnswerHandshake: set both or neither"))
	}
	if (f.URL == "") != (f.At == nil) {
		mistake = errors.Join(mistake, errors.New("Facts has only one of URL and At: set both or neither"))
	}
	return mistake
}
