package core

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"
)

// Describer is the one optional method of a [Scheme]. Facts does no I/O and
// returns the same each time. [FactsOf] asks any scheme.
type Describer interface {
	Facts() Facts
}

// Facts is what a [Scheme] says of its sender and itself, for [New],
// schemes.Any, schemes.Sign, package explain and whtest. Nothing else of a
// scheme decides what they can do with it. The zero Facts describes the usual
// scheme: a shared secret, the usual tolerance, no handshake, no I/O.
//
// A scheme that wraps another one takes its facts and changes some:
//
//	func (s mine) Facts() core.Facts {
//		f := core.FactsOf(s.Scheme)
//		f.Past = time.Hour
//		return f
//	}
type Facts struct {
	// Mistake says what is wrong with the settings that the scheme was made
	// from, and what to do. [New] reports it. Nil: nothing.
	Mistake error

	// Past and Future are the tolerance that the sender prescribes: the
	// defaults of [Config.Past] and [Config.Future]. Zero: the usual ones.
	Past, Future time.Duration

	// FreeText says that a secret may be any text, as people choose it. White
	// space inside one is then no mistake.
	FreeText bool
	// PublicKeys says that keys are, or may be, public ones of the sender.
	// Otherwise they are secrets shared with it.
	PublicKeys bool
	// Fetches says that Verify of a key may do I/O, for a certificate or a
	// public key. Package explain never calls it then. Nothing else of a scheme
	// does I/O but Challenge.
	Fetches bool

	// Headers are the headers that are read, in canonical form. A sender with
	// several families of headers has a list for each. A request without any of
	// them was not signed: leave out Content-Type, which every request may
	// have, and what is only signed because another header names it. Nil: the
	// scheme does not say.
	Headers [][]string
	// IdentifiedBy is what identifies every message: "{body}" if the signed
	// content is the body and nothing else, or the JSON pointer of a signed id
	// in the body, such as "/event/id". Empty: something that no other scheme
	// signs.
	IdentifiedBy string
	// Unsigned says that the scheme sets [Attempt.Unsigned], beside a signed id
	// too.
	Unsigned bool

	// URL is the public address of the endpoint as it was configured, if the
	// signature covers it. At returns the same scheme at another address.
	URL string
	At  func(url string) Scheme

	// Sign makes r a request of the sender, at this time of the attempt, with
	// every secret as a sender in rotation does: see schemes.Sign, which calls
	// it. r.Header is an [http.Header], which Sign changes. An empty id means
	// that of r, or else a new one; an id in the body stays as it is. For an id
	// that it cannot put into the body Sign returns an error, and for no
	// secrets. The error wraps [errors.ErrUnsupported] for a secret that only
	// verifies. Nil: only the sender can sign.
	Sign func(r *Request, id string, at time.Time, secrets ...string) error

	// Challenge responds to a signed message with which the sender asks the
	// endpoint to prove itself. It is called after verification, before the
	// claim, and also for a message that nothing identifies (see
	// [Attempt.Unidentified]). A non-nil response is sent, and neither handler
	// nor store sees the message. key is the one that matched. ctx has the
	// values of the request's context and no end: bound what you do.
	Challenge func(ctx context.Context, r *Request, m *Message, key VerifyKey) *Answer

	// Handshake responds to a request with which the sender asks for the
	// endpoint before it signs anything. It is called first and without the
	// body. A non-nil response is sent, and nothing is looked up, read or
	// claimed. Anyone may send such a request: the response holds no secret and
	// no MAC of anything in r, and its type is one that no browser runs.
	Handshake func(r *Request) *Answer

	// AwaitsHandshake and AnswerHandshake are for a handshake that only its
	// body shows to be one, or whose response the key makes. They are called
	// for a request that ReadHeader refuses with [ErrMissingHeader]. Neither
	// handler nor store sees it. A scheme has both or neither.
	//
	// AwaitsHandshake reports, by method, URL and headers alone, whether r may
	// be one. It returns false unless the program enabled handshakes, and for a
	// request with any header of a signed message. Only if it returns true are
	// keys looked up and the body read.
	AwaitsHandshake func(r *Request) bool
	// AnswerHandshake responds to r with its whole body, of at most 16 KiB,
	// under the rules of Handshake. key is the first of the source that is
	// valid now. A response made with it must not be the signature of any
	// message. Every failure returns nil: r is then refused for its missing
	// header, as a request of an unknown source is.
	AnswerHandshake func(r *Request, key VerifyKey) *Answer
	// SignsHandshakes says that AnswerHandshake gives anybody a MAC under the
	// secret. Another scheme with that secret would take it for a signature.
	SignsHandshakes bool
}

// FactsOf returns the facts of any scheme; the zero Facts if it has none. A
// scheme that embeds another one as an interface, and so hides its facts, gets
// a [Facts.Mistake] instead, which [New] reports.
func FactsOf(s Scheme) Facts {
	if d, ok := s.(Describer); ok {
		return d.Facts()
	}
	if hidden := hidesFacts(reflect.ValueOf(s)); hidden != "" {
		return Facts{Mistake: fmt.Errorf("%T embeds a scheme (%s) as an interface, which hides its facts: tolerance, handshakes and the rest; "+
			"give it a method Facts that begins with core.FactsOf of the embedded one", s, hidden)}
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
		mistake = errors.Join(mistake, errors.New("Facts has one of AwaitsHandshake and AnswerHandshake: set both, or neither"))
	}
	if (f.URL == "") != (f.At == nil) {
		mistake = errors.Join(mistake, errors.New("Facts has one of URL and At: set both, or neither"))
	}
	return mistake
}
