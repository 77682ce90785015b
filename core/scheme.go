package core

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"time"
)

// Request is the part of an HTTP request that a scheme and a [KeySource] see.
type Request struct {
	// Method is the HTTP method as it was received.
	Method string
	// URL is the request target as it was received: path and query, or an
	// absolute URL. The URL's scheme and host are unverified: a [Scheme] that
	// signs the URL takes them from its own configuration.
	URL string
	// Host is the host of the request as it was received, with or without a
	// port. It is not signed. The verifier uses it only to detect that two
	// endpoints share a verifier by mistake. Empty: unknown.
	Host string
	// Header finds the header lines. The Header of an http.Request can be used
	// directly. Nil means that the request has no headers. A [Scheme] and a
	// [KeySource] never see nil.
	Header Header
	// Body is the body exactly as received. It is nil before the body is read.
	Body []byte
}

// Header finds header lines of a request by name, so an adapter need not build
// a map of all headers. [http.Header] implements it.
//
// Names are case-insensitive.
type Header interface {
	// Get returns the first of Values, or "" if there is none. It ignores
	// further lines with the name. Code that decides whether a request is
	// genuine must use Values.
	Get(name string) string
	// Values returns the values of all lines with the name, in the order in
	// which they arrived. A line without a value is "". The result is empty if
	// there is no such line. The caller may keep the result but must not change
	// it.
	Values(name string) []string
	// Clone returns all lines in a map that belongs to the caller, under
	// canonical names (see [http.CanonicalHeaderKey]). Use it for headers whose
	// names you do not know. It costs more than a few lookups.
	Clone() http.Header
}

// Path returns the decoded path of the URL, or "" if the URL does not parse.
func (r *Request) Path() string {
	u, err := url.ParseRequestURI(r.URL) // as net/http does: "//a/b" is a path without a host
	if err != nil {
		return ""
	}
	return u.Path
}

// Stamping says whether a scheme signs a timestamp, and whether each attempt
// has its own. It decides whether a retry can be distinguished from a replay.
type Stamping uint8

const (
	// NotStamped: no signed field contains a time. No signed field
	// distinguishes a retry from a replay.
	NotStamped Stamping = iota
	// StampedOnce: the signed time belongs to the message and is the same in
	// all its attempts. The time limits how old a message may be, but no signed
	// field distinguishes a retry from a replay.
	StampedOnce
	// StampedEachAttempt: the sender signs every attempt with its own
	// timestamp.
	StampedEachAttempt
	// NotIdentified: no signed field distinguishes messages. Either nothing is
	// signed, or two genuine messages can be identical. These messages are
	// never claimed: the handler runs for each attempt, and for each replay. Of
	// the bundled schemes, only some whose constructors have Dangerously in
	// their names return it.
	NotIdentified
)

// Scheme describes how one kind of sender signs. A Scheme only finds the parts
// of a request. This package enforces the limits and makes the claims.
// [HMACKey] and [Ed25519Key] hash and compare; a scheme with its own
// [VerifyKey] does that itself. whtest.TestScheme tests this contract. A Scheme
// is immutable and safe for concurrent use.
//
// A request passes through ReadHeader, then the key lookup, then ReadBody, then
// the keys' Verify. Errors should wrap the sentinel that says what is wrong:
// [ErrMissingHeader], [ErrMalformed] or [ErrNoMatch]. An error without a
// sentinel counts as malformed. Errors must never contain a secret or the body.
// The Request and the Attempt belong to the caller and must not be kept.
//
// None of the five methods does I/O. A scheme with unusual properties describes
// them in its [Facts], through the optional interface [Describer].
type Scheme interface {
	// Name returns a short, stable and unique name. It is part of every [Key],
	// so it must never change.
	Name() string
	// Stamping says whether a timestamp is signed, and whether each attempt has
	// its own.
	Stamping() Stamping
	// ParseKey reads one secret, at start-up or when a KeySource first returns
	// it. It refuses text that cannot be a key of this scheme, and says what a
	// key should look like. Its errors never quote the secret.
	ParseKey(secret string) (VerifyKey, error)
	// ReadHeader stores the id, timestamp and signatures from the headers in
	// the Attempt. The body has not been read yet. A scheme that signs the time
	// of the attempt writes that time with [Content.WriteTime].
	ReadHeader(r *Request, a *Attempt) error
	// ReadBody stores in the Attempt the values that only the body contains,
	// and writes the signed content to a.Content. The body has not been
	// verified yet, so reading it must cost no more than hashing it.
	//
	// If a scheme signs a digest of the body, ReadBody writes all of the signed
	// content first. If the digest does not match, it then returns an error
	// that wraps [ErrNoMatch]. Package explain can then prove that the body was
	// changed.
	ReadBody(r *Request, a *Attempt) error
}

// VerifyKey checks signatures with one key. It is safe for concurrent use.
type VerifyKey interface {
	// Verify reports whether one of a.Signatures is a valid signature of
	// a.Content under this key. It hashes the content at most once for a MAC,
	// compares in constant time, and accepts only the canonical text of a
	// signature. A wrong signature is not an error. An error means that the
	// check could not be made, for example because a certificate could not be
	// fetched. An error that wraps [ErrNoMatch] means that the key that the
	// message names is not trusted.
	//
	// A scheme whose keys may do I/O says so in [Facts.Fetches]. If ctx has
	// ended, Verify does no I/O, and returns an error if it would need some. A
	// key that does no I/O verifies under such a context as usual.
	//
	// For a request from an unknown source, the verifier calls Verify on
	// another source's key if it has one, so that both cases take about the
	// same time. In that call the context has ended, and the result and the
	// error are ignored. Package explain calls Verify under such a context,
	// many times and with unsigned requests, for every key that does not fetch.
	Verify(ctx context.Context, a *Attempt) (bool, error)
}

// Attempt holds what a [Scheme] finds in one request. The zero value is ready
// for use.
type Attempt struct {
	// ID is the message id: 1 to 256 printable ASCII characters, or empty if
	// the message has none.
	ID string
	// IDSigned says that the signature covers ID. Only then does ID identify
	// the message. Otherwise the signed content identifies the message,
	// together with Unsigned, and ID is only for logs.
	IDSigned bool
	// Stable holds the signed parts that all attempts of an event have in
	// common. Set it for a sender that signs an id but renders the rest of the
	// body again for each attempt. Two attempts under one signed ID must have
	// equal Stable parts. If Stable is empty, the pieces written with
	// [Content.WriteBody] must be equal. If there are no such pieces, the
	// content except the time must be equal (see [Content.WriteTime]).
	// [Config.RendersAnew] turns that comparison off. It is also off if each
	// attempt has its own timestamp and the time is not marked with
	// [Content.WriteTime]. The parts may alias the body.
	Stable [][]byte
	// Unsigned holds unsigned values that distinguish the sender's events, such
	// as a delivery id or a topic. Each value is the same in all attempts of an
	// event. A scheme with such values sets one element for each, in a fixed
	// order, with a delivery id first. An element is "" if the request lacks
	// the value, else 1 to 256 printable ASCII characters. The values count
	// only together with the signed content, and only if no signed ID
	// identifies the message. If each attempt has its own timestamp, they count
	// only if the first value is present and the time is marked with
	// [Content.WriteTime]. Nil means that there are none.
	Unsigned []string
	// Indistinct says that two events of the sender may have the same signed
	// content, and that nothing else in this request distinguishes the two.
	// Either the sender sets no delivery id, or it always sets one and this
	// request lost it. Signed content that arrives again after it was handled
	// may therefore belong to another event. It is refused with 503
	// ([ErrRepeated]), unless each attempt has its own timestamp or Reply is
	// set.
	Indistinct bool
	// Reply says that the sender uses the content of the response, as for a
	// chat command or a call menu. A redelivery of such a message is never
	// acknowledged. The handler runs again if [Config.Repeats] applies and
	// allows it. Otherwise the redelivery is refused.
	Reply bool
	// Timestamp is the signed time, or zero if there is none. It is checked
	// against the tolerance as soon as it is known.
	Timestamp time.Time
	// Expires is the signed expiry time, or zero if there is none.
	Expires time.Time
	// BodySigned says that the signature covers every byte of the body.
	BodySigned bool
	// Signatures holds the presented signatures, in order.
	Signatures []Signature
	// Content collects the signed bytes.
	Content Content
	// Unidentified says why a message with a valid signature cannot be
	// identified, for example because its id is missing. If the scheme
	// identifies messages, such a message is refused as malformed, after
	// [Facts.Challenge] is called and before the message is claimed.
	// [Verifier.Verify], which claims nothing, accepts it.
	Unidentified error
	// If Unmatched is set, the verifier refuses a message that no key verifies,
	// or whose source is unknown, with [ErrKeysUnavailable]. It is for schemes
	// whose senders name keys that must be fetched. Such a scheme sets it while
	// requests name too many unknown keys. Unmatched must not depend on the
	// source, so that the refusal reveals no sources. Nil: [ErrNoMatch] and
	// [ErrUnknownSource] apply.
	Unmatched error
	// Hint names a likely cause if no key verifies the message: a part of the
	// request that senders are known to sign differently. It is appended to the
	// detail of an [ErrNoMatch], which [Error.Answer] does not contain. It must
	// not contain a secret, a MAC or any part of the body. Empty: no hint.
	Hint string
	// State lets the scheme's methods pass data to its keys, such as a
	// certificate's address.
	State any
}

// Signature is one presented signature: its text as received, and a label for
// the kind of key that made it.
type Signature struct{ Label, Text string }

// reset makes a ready for another request, and drops all references to the last
// request.
func (a *Attempt) reset() {
	for i := range a.Signatures { // field by field, here and below: usually there is one element, and clear is a function call
		s := &a.Signatures[i]
		s.Label, s.Text = "", ""
	}
	a.Signatures = a.Signatures[:0]
	a.Content.reset()
	for i := range a.Unsigned {
		a.Unsigned[i] = ""
	}
	a.Unsigned = a.Unsigned[:0]
	for i := range a.Stable {
		a.Stable[i] = nil
	}
	a.Stable = a.Stable[:0]
	a.ID, a.IDSigned, a.Indistinct, a.Reply, a.BodySigned, a.Unidentified, a.Unmatched, a.State = "", false, false, false, false, nil, nil, nil
	a.Hint = ""
	a.Timestamp, a.Expires = time.Time{}, time.Time{}
}

// Content collects the signed bytes of a request in order. Small pieces are
// copied. The body is only referenced, so an HMAC over "id.timestamp.body" does
// not copy it. The zero value is empty.
type Content struct {
	small  []byte
	insert []insertion
	flat   []byte  // the whole content, for keys that need one slice
	times  [2]span // in small: the time of the attempt
}

// span is a range of indices in a slice.
type span struct{ from, to int }

// insertion is a piece kept by reference. Its place is before small[at].
type insertion struct {
	at   int
	data []byte
}

// WriteString adds a copy of s.
func (c *Content) WriteString(s string) { c.small = append(c.small, s...) }

// WriteTime adds a copy of s, the time of the attempt: the part that differs
// between two attempts of one message. Call it at most twice: for a time in a
// header, and for one in the body. The time of a third call counts as ordinary
// content.
func (c *Content) WriteTime(s string) {
	at := span{len(c.small), len(c.small) + len(s)}
	c.small = append(c.small, s...)
	for i := range c.times {
		if c.times[i] == (span{}) {
			c.times[i] = at
			return
		}
	}
}

// Write adds a copy of p. It never fails.
func (c *Content) Write(p []byte) (int, error) {
	c.small = append(c.small, p...)
	return len(p), nil
}

// WriteBody adds b without copying it. b must stay unchanged until the attempt
// is admitted or refused.
func (c *Content) WriteBody(b []byte) {
	c.insert = append(c.insert, insertion{len(c.small), b})
}

// WriteTo writes the whole content to w. It implements [io.WriterTo].
func (c *Content) WriteTo(w io.Writer) (int64, error) {
	var total int64
	write := func(p []byte) error {
		if len(p) == 0 {
			return nil
		}
		n, err := w.Write(p)
		total += int64(n)
		return err
	}
	from := 0
	for _, in := range c.insert {
		if err := write(c.small[from:in.at]); err != nil {
			return total, err
		}
		if err := write(in.data); err != nil {
			return total, err
		}
		from = in.at
	}
	err := write(c.small[from:])
	return total, err
}

// timed reports whether the time of the attempt is marked.
func (c *Content) timed() bool { return c.times[0].from < c.times[0].to }

// eachUntimed calls f with the pieces of the content in order, omitting the
// time of the attempt. The pieces are equal in all attempts of a message.
func (c *Content) eachUntimed(f func(piece []byte)) {
	small := func(from, to int) {
		for _, t := range c.times {
			if t.from < t.to && from <= t.from && t.to <= to {
				f(c.small[from:t.from])
				from = t.to
			}
		}
		f(c.small[from:to])
	}
	from := 0
	for _, in := range c.insert {
		small(from, in.at)
		f(in.data)
		from = in.at
	}
	small(from, len(c.small))
}

// eachBody calls f with the pieces that are kept by reference.
func (c *Content) eachBody(f func(piece []byte)) {
	for _, in := range c.insert {
		f(in.data)
	}
}

// Bytes returns the whole content in one slice, for algorithms that cannot
// process it in parts. The slice belongs to c.
func (c *Content) Bytes() []byte {
	if len(c.insert) == 0 {
		return c.small
	}
	if len(c.flat) == 0 {
		from := 0
		for _, in := range c.insert {
			c.flat = append(c.flat, c.small[from:in.at]...)
			c.flat = append(c.flat, in.data...)
			from = in.at
		}
		c.flat = append(c.flat, c.small[from:]...)
	}
	return c.flat
}

// keepBuffer is the largest buffer that is kept for the next request.
const keepBuffer = 64 << 10

func (c *Content) reset() {
	for i := range c.insert {
		in := &c.insert[i]
		in.data = nil
	}
	c.insert = c.insert[:0]
	c.times = [2]span{}
	c.small = keep(c.small)
	c.flat = keep(c.flat)
}

func keep(b []byte) []byte {
	if cap(b) > keepBuffer {
		return nil
	}
	return b[:0]
}
