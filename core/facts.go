package core

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"
)

// Describer has the one optional method of a Scheme. Facts does no I/O and
// returns the same each time. [FactsOf] works for any scheme.
type Describer interface {
	Facts() Facts
}

// Facts describes a [Scheme] and its sender to [New], schemes.Any,
// schemes.Sign, package explain and whtest. What they can do with a scheme
// depends on nothing else. The zero Facts describes the usual scheme: a shared
// secret, the usual tolerance, no handshake, no I/O.
//
// A scheme that wraps another one takes its facts and changes some:
//
//	func (s mine) Facts() core.Facts {
//		f := core.FactsOf(s.Scheme)
//		f.Past = time.Hour
//		return f
//	}
type Facts struct {
	// Mistake says what is wrong with the scheme's settings, and what to do.
	// [New] reports it. Nil: nothing.
	Mistake error

	// Past and Future are the tolerance that the sender prescribes: the
	// defaults of [Config.Past] and [Config.Future]. Zero: the usual ones.
	Past, Future time.Duration

	// FreeText says that people choose the secret, so it may be any text. White
	// space inside it is then not a mistake.
	FreeText bool
	// PublicKeys says that keys are, or may be, public keys of the sender.
	// Otherwise they are shared secrets.
	PublicKeys bool
	// Fetches says that Verify of a key may do I/O, for a certificate or a
	// public key. Package explain then never calls it. Apart from Challenge,
	// nothing else in a scheme does I/O.
	Fetches bool

	// Headers are the headers that the scheme reads, in canonical form. A
	// sender with several families of headers has a list for each. A request
	// without any of them was not signed. So leave out Content-Type, which
	// every request may have, and headers that are signed only because another
	// header names them. Nil: unknown.
	Headers [][]string
	// IdentifiedBy is what identifies every message: "{body}" if the signed
	// content is the body and nothing else, or the JSON pointer of a signed id
	// in the body, such as "/event/id". Empty: something else, which no other
	// scheme signs.
	IdentifiedBy string
	// Unsigned says that the scheme sets [Attempt.Unsigned], even next to a
	// signed id.
	Unsigned bool

	// URL is the public address of the endpoint as it was configured, if the
	// signature covers it. At returns the same scheme at another address.
	URL string
	At  func(url string) Scheme

	// Sign signs r as the sender does, with this time of the attempt. It signs
	// with every secret, as a sender in rotation does. schemes.Sign calls it.
	// r.Header is an [http.Header], which Sign changes. If id is empty, Sign
	// uses the id of r, or else a new one. An id in the body stays unchanged.
	// Sign returns an error if it cannot put the id into the body, or if there
	// are no secrets. The error wraps [errors.ErrUnsupported] for a secret that
	// only verifies. Nil: only the sender can sign.
	Sign func(r *Request, id string, at time.Time, secrets ...string) error

	// Challenge responds to a signed message with which the sender asks the
	// endpoint to prove itself. It is called after verification, before the
	// claim, even for a message that nothing identifies (see
	// [Attempt.Unidentified]). A non-nil response is sent, and neither handler
	// nor store sees the message. key is the one that matched. ctx has the
	// values of the request's context but is never cancelled: bound what you
	// do.
	Challenge func(ctx context.Context, r *Request, m *Message, key VerifyKey) *Answer

	// Handshake responds to a request with which the sender checks the endpoint
	// before it signs anything. It is called first and without the body. A
	// non-nil response is sent, and nothing is looked up, read or claimed.
	// Anyone may send such a request. So the response must contain no secret
	// and no MAC of anything in r, and its type must be one that no browser
	// executes.
	Handshake func(r *Request) *Answer

	// AwaitsHandshake and AnswerHandshake are for a handshake that only its
	// body identifies, or whose response depends on the key. They are called
	// for a request that ReadHeader refuses with [ErrMissingHeader]. Neither
	// handler nor store sees it. A scheme has both or neither.
	//
	// AwaitsHandshake reports, from method, URL and headers alone, whether r
	// may be a handshake. It returns false unless the program enabled
	// handshakes, and for a request with any header of a signed message. Only
	// if it returns true are keys looked up and the body read.
	AwaitsHandshake func(r *Request) bool
	// AnswerHandshake responds to r with its whole body, of at most 16 KiB,
	// under the rules of Handshake. key is the first of the source that is
	// valid now. A response made with it must not be the signature of any
	// message. Every failure returns nil. r is then refused for its missing
	// header, like a request from an unknown source.
	AnswerHandshake func(r *Request, key VerifyKey) *Answer
	// SignsHandshakes says that AnswerHandshake gives anybody a MAC under the
	// secret. Another scheme with that secret would accept it as a signature.
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
// interface, "" if there is none. Go promotes only the methods of the
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

// check returns what is wrong with the facts themselves, or with what the
// scheme was made from.
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
