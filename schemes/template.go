package schemes

import (
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
)

// Template describes how a sender signs; [Template.Scheme] makes a
// [core.Scheme] of it. Most providers of this package are written with it, and
// so can one of your own be:
//
//	schemes.Template{
//		Name:      "acme",
//		Signature: schemes.Header("Acme-Signature"),
//		List:      ",", Label: "v1=",
//		Timestamp: schemes.Entry("Acme-Signature", "t"),
//		Stamping:  core.StampedEachAttempt,
//		Content:   "{timestamp}.{body}",
//	}.Scheme()
type Template struct {
	// Name is part of every replay key: short, of letters, digits and hyphens,
	// and never changed.
	Name string
	// Signature is where the signatures stand. Several headers are several
	// places, each of which may be absent.
	Signature Field
	// More are further places of signatures, of keys in rotation: headers if
	// Signature is one, else in the body.
	More []Field
	// List separates the signatures of one value: ",", ";" or " ". Empty: a
	// value is one signature.
	List string
	// Label stands in front of a signature: "sha256=", "v1=". In a list,
	// entries with another one are skipped.
	Label string
	// Algorithm makes the signatures. Default: HMAC-SHA256.
	Algorithm Algorithm
	// Encoding is how a signature is written. Default: [core.Hex].
	Encoding core.Encoding
	// Secret is how the text of a secret becomes a key. Default: as it is.
	Secret SecretText
	// Timestamp is where the signed time stands, Unit how it is written, and
	// Stamping what it says. Content must hold it.
	Timestamp Field
	Unit      Unit
	Stamping  core.Stamping
	// Nonce is where a signed value stands that the sender makes anew at each
	// attempt, beside the time of the attempt. Like that time it identifies
	// nothing.
	Nonce Field
	// ID is where the message id stands: what stays the same over all attempts
	// of a message and is different for every other. Content decides whether it
	// is signed. A signed id identifies the message alone. In a header that is
	// not signed it is a delivery id: it counts together with the signed
	// content, within [core.Config].Repeats. A message without its id is
	// refused, unless IDOptional says otherwise.
	ID Field
	// IDOptional accepts messages without an id: the signed content identifies
	// them. A sender that always sends one is better off without it, because
	// two events with equal content cannot be told apart then.
	IDOptional bool
	// Topic is an unsigned header that says what the event is, where a sender
	// may send the same content for several. It may be absent, and counts as an
	// unsigned ID does.
	Topic Field
	// Stable are the members of the body that stay the same over all attempts
	// of an event, objects and arrays included, for a sender that signs an id
	// but renders the rest of the body anew at each attempt: what the event is,
	// when it was, and its data. All attempts under one id must agree in them.
	// Empty, or none of them is there: they must agree in the whole signed
	// content without the time.
	Stable []Field
	// Indistinct says that two events may have the same signed content, or that
	// nobody knows. A message without its ID (or, where the sender has none,
	// without its Topic) is not acknowledged then when it comes again: it may
	// be another event.
	Indistinct bool
	// Batch says how a body with several events is identified, where the path
	// of ID has an index: JSON("events", "0", "id").
	Batch Batch
	// IDLength is the exact length of an id that stands in Content beside
	// something else without text between.
	IDLength int
	// Content is the signed text, with {id}, {timestamp}, {nonce}, {body},
	// {method} and {url}: "v0:{timestamp}:{body}". {header:Name} and
	// {query:name} are values that belong to the message, and identify it with
	// the rest of the content: what differs between two attempts is a Nonce.
	// {secret} is the secret, at the end.
	Content string
	// Gunzip says that the sender signs the body before it compresses it with
	// gzip. A compressed body is decompressed, up to 8 MiB and 64 times its
	// size, and what comes of that is signed and identifies the message. Other
	// compressed bytes may stand for the same body, so BodySigned is false
	// then.
	Gunzip bool
	// URL is the public address of the endpoint, for {url}: never taken from
	// what a request says of its host. With an origin alone, path and query are
	// those of the request; with a path, the query is. With a query it is the
	// whole, and a request's own query must equal it; so it must where
	// something else than a line break follows {url}, or the body stands in
	// front of it.
	URL string
	// Past and Future are the window that the sender prescribes; zero: the
	// usual ones of [core.Config].
	Past, Future time.Duration
	// MaxSignatures is how many may be presented. Default: 16.
	MaxSignatures int

	bodyless  bool // the sender signs no body: not for others to copy
	idForLogs bool // an unsigned ID is not known to be kept over attempts, so it does not count
}

// Field is a place in a request: [Header], [Entry], [Item], [Query] or [JSON].
// The zero Field is none.
type Field struct {
	header string   // canonical
	key    string   // of an entry of a list
	item   int      // of a list without keys, counted from 1
	query  string   // a parameter of the URL
	path   []string // in the JSON body
}

// Header is the value of a header.
func Header(name string) Field { return Field{header: http.CanonicalHeaderKey(name)} }

// Entry is the value of "key=value" in the list that stands in a header.
func Entry(header, key string) Field {
	return Field{header: http.CanonicalHeaderKey(header), key: key + "="}
}

// Item is an entry of a list without keys that stands in a header, by its
// index: 0 is the first.
func Item(header string, index int) Field {
	if index >= 0 {
		index++ // counted from 1, so that the zero Field is none; a negative one stays a mistake
	}
	return Field{header: http.CanonicalHeaderKey(header), item: index}
}

// Query is the value of a parameter of the request's URL, which must be there
// once.
func Query(name string) Field { return Field{query: name} }

// JSON is a string or number in the JSON body, by the names that lead to it. In
// an array, the name is an index: "0" is the first.
func JSON(path ...string) Field { return Field{path: path} }

func (f *Field) none() bool   { return f.header == "" && f.query == "" && len(f.path) == 0 }
func (f *Field) inBody() bool { return len(f.path) > 0 }
func (f *Field) same(other Field) bool {
	return f.header == other.header && f.key == other.key && f.item == other.item && f.query == other.query && slices.Equal(f.path, other.path)
}

// whole says that the field is a header as a whole.
func (f *Field) whole() bool { return f.header != "" && f.key == "" && f.item == 0 }

// Batch is how a body with several events is identified.
type Batch uint8

// The zero Batch refuses them.
const (
	// BatchRefused: a body with several events is malformed.
	BatchRefused Batch = iota
	// BatchByContent: the signed content identifies a body with several events,
	// the id one with a single event. If a retry has other events together, it
	// is another message.
	BatchByContent
)

// Unit is how a timestamp is written.
type Unit uint8

// The units. Digits are canonical: no sign, no zero in front.
const (
	Seconds Unit = iota // since 1970
	Milliseconds
	RFC3339
	ISO8601  // RFC 3339, or the same without a zone, which is UTC
	HTTPDate // "Sun, 06 Nov 1994 08:49:37 GMT"
	UnixTime // seconds since 1970, or milliseconds where there are 13 digits
)

// SecretText is how the text of a secret becomes a key.
type SecretText uint8

// The forms of secrets.
const (
	Verbatim SecretText = iota // its bytes are the key
	HexText
	Base64Text // padded standard base64; a public key of ECDSA or RSA in SPKI DER, or in a certificate: the lines of a PEM file, joined
)

// Algorithm makes signatures. The zero Algorithm is [HMACSHA256].
type Algorithm struct{ of *algorithm }

// The algorithms. Do not assign to them. They are variables so that a program
// links only what it names: one with HMAC has nothing that reads public keys.
//
//nolint:gochecknoglobals // constants
var (
	HMACSHA256 = Algorithm{}
	HMACSHA1   = Algorithm{&hmacSHA1}
	HMACSHA512 = Algorithm{&hmacSHA512}
	Ed25519    = Algorithm{&eddsa}
	ECDSAP256  = Algorithm{&ecdsaP256} // over SHA-256, the signature in ASN.1 DER
	RSASHA256  = Algorithm{&rsaSHA256} // PKCS #1 v1.5
	RSASHA512  = Algorithm{&rsaSHA512} // PKCS #1 v1.5
	SHA256     = Algorithm{&plainHash} // of a Content that ends with {secret}: no MAC, for senders that have nothing better
)

// Scheme checks the template and makes a scheme of it. The error lists every
// mistake.
func (t Template) Scheme() (core.Scheme, error) {
	s, err := t.build()
	if err != nil {
		return nil, err
	}
	return s, nil
}

// must is for the providers of this package whose templates depend on nothing.
func must(t Template) *templated {
	s, err := t.build()
	if err != nil {
		panic(err)
	}
	return s
}

// fromSettings is for providers whose template holds what a program passed:
// [core.New] reports the mistake.
func fromSettings(t Template) core.Scheme {
	s, err := t.build()
	if err != nil {
		return unusable{t.Name, err}
	}
	return s
}

// unusable stands for a scheme that could not be made.
type unusable struct {
	name string
	err  error
}

func (u unusable) Name() string                                    { return u.name }
func (unusable) Stamping() core.Stamping                           { return core.NotStamped }
func (u unusable) Facts() core.Facts                               { return core.Facts{Mistake: u.err} }
func (u unusable) ParseKey(string) (core.VerifyKey, error)         { return nil, u.err }
func (u unusable) ReadHeader(*core.Request, *core.Attempt) error   { return u.err }
func (u unusable) ReadBody(_ *core.Request, _ *core.Attempt) error { return u.err }

func (t Template) build() (*templated, error) {
	s := &templated{t: t, label: strings.TrimRight(t.Label, "=,:")}
	var mistakes []error
	fail := func(format string, args ...any) { mistakes = append(mistakes, fmt.Errorf(format, args...)) }

	if t.Name == "" || strings.ContainsFunc(t.Name, func(r rune) bool {
		return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z')
	}) {
		fail("Name is %q: it needs lower-case letters, digits and hyphens", t.Name)
	}
	if s.t.Encoding == 0 {
		s.t.Encoding = core.Hex
	}
	if s.t.MaxSignatures == 0 {
		s.t.MaxSignatures = maxSignatures
	}
	if s.t.Encoding > core.Base64URL || t.Secret > Base64Text || t.Unit > UnixTime {
		fail("Encoding, Secret or Unit is none of the constants")
	}
	if t.List != "" && t.List != "," && t.List != ";" && t.List != " " {
		fail("List is %q: it can be \",\", \";\" or \" \"", t.List)
	}
	for _, f := range append([]Field{t.Signature}, t.More...) {
		switch {
		case f.none():
			fail("Signature is missing: say where it stands, as in schemes.Header(\"X-Signature\")")
		case f.key != "" || f.item != 0:
			fail("Signature is an Entry or Item: make it a Header with List and Label")
		case f.inBody() != t.Signature.inBody() || (f.query == "") != (t.Signature.query == ""):
			fail("Signature and More are not all in headers, all in the query, or all in the body")
		case f.query != "" && t.List != "":
			fail("Signature stands in the query, which has no lists: leave List out")
		}
	}
	for name, f := range map[string]Field{"Signature": t.Signature, "Timestamp": t.Timestamp, "Nonce": t.Nonce, "ID": t.ID, "Topic": t.Topic} {
		if f.header != "" && textproto.CanonicalMIMEHeaderKey(f.header) != f.header || strings.ContainsAny(f.header, " :\r\n") {
			fail("%s: %q is not the name of a header", name, f.header)
		}
		if (f.key != "" || f.item != 0) && t.List == "" {
			fail("%s is an entry of a list, but List does not say how the list is written", name)
		}
		if f.key == "=" {
			fail("%s is an Entry without a key: the entry of a list without keys is an Item", name)
		}
		if f.item < 0 {
			fail("%s is an Item with the index %d", name, f.item)
		}
	}
	if err := s.readContent(t.Content); err != nil {
		fail("Content: %w", err)
	}
	for _, p := range s.parts {
		if p.kind == partValue && strings.ContainsAny(p.field.header, " :\r\n") {
			fail("Content: %q is not the name of a header", p.field.header)
		}
	}
	mistakes = append(mistakes, s.checkKeys()...)
	s.front = s.inFront()
	s.outlined()
	if len(t.More) > 0 {
		s.moreOf = commonPrefix(t.More)
	}
	for _, m := range s.ambiguous() {
		fail("Content: %s", m)
	}
	mistakes = append(mistakes, s.checkStamp()...)
	mistakes = append(mistakes, s.checkIdentity()...)
	if err := s.readURL(); err != nil {
		mistakes = append(mistakes, err)
	}
	if err := errors.Join(mistakes...); err != nil {
		return nil, fmt.Errorf("schemes: template %q: %w", t.Name, err)
	}
	return s, nil
}

// checkKeys finds secrets in a text that is public, or in no text where there
// must be one.
func (s *templated) checkKeys() (mistakes []error) {
	algorithm := s.t.Algorithm.is()
	private := algorithm.public != nil
	switch {
	case private && s.has(partSecret):
		mistakes = append(mistakes, errors.New("the Content holds {secret}, but the sender signs with a private key"))
	case algorithm.plain && !s.has(partSecret):
		mistakes = append(mistakes, errors.New("the Algorithm is a plain hash, which anybody can make: Content must end with {secret}"))
	}
	if s.t.Secret < algorithm.secret {
		mistakes = append(mistakes, errors.New("the secret is a public key, which is written in base64: Secret must be Base64Text"))
	}
	return mistakes
}

// checkStamp finds a time or an id that is said to count but is not signed.
func (s *templated) checkStamp() (mistakes []error) {
	t := &s.t
	stamped := t.Stamping == core.StampedOnce || t.Stamping == core.StampedEachAttempt
	signedStamp := s.has(partTimestamp) || t.Timestamp.inBody() && s.has(partBody)
	switch {
	case t.Stamping == core.NotIdentified:
		mistakes = append(mistakes, errors.New("Stamping is NotIdentified: what is signed identifies at least its own bytes"))
	case stamped && t.Timestamp.none():
		mistakes = append(mistakes, errors.New("Stamping says that there is a timestamp: say where, as in schemes.Header(\"X-Timestamp\")"))
	case stamped && !signedStamp:
		mistakes = append(mistakes, errors.New("the timestamp is not signed, so anybody can change it: Content lacks {timestamp}, or leave Timestamp out"))
	case !stamped && !t.Timestamp.none():
		mistakes = append(mistakes, errors.New("there is a timestamp: say with Stamping whether each attempt has its own "+
			"(core.StampedEachAttempt) or all attempts of a message have one (core.StampedOnce)"))
	}
	if s.has(partTimestamp) && t.Timestamp.none() && !stamped {
		mistakes = append(mistakes, errors.New("the content has {timestamp}, but Timestamp does not say where it stands"))
	}
	if s.has(partID) && t.ID.none() {
		mistakes = append(mistakes, errors.New("the content has {id}, but ID does not say where it stands"))
	}
	switch n := t.Nonce; {
	case s.has(partNonce) != !n.none():
		mistakes = append(mistakes, errors.New("the Nonce must be signed: Content has {nonce} if and only if Nonce says where it stands"))
	case n.none():
	case t.Stamping != core.StampedEachAttempt:
		mistakes = append(mistakes, errors.New("a Nonce stands beside the time of each attempt (core.StampedEachAttempt): what stays the same over all attempts is an ID, or {header:…}"))
	case n.inBody():
		mistakes = append(mistakes, errors.New("the Nonce stands in the body: what is in a signed body needs no name"))
	case t.Timestamp.inBody() && s.has(partTimestamp):
		mistakes = append(mistakes, errors.New("a Nonce together with a time in both Content and the body: at most two parts may differ between two attempts"))
	}
	if !s.has(partBody) && !s.t.bodyless {
		mistakes = append(mistakes, errors.New("the content lacks {body}: anybody could change the message"))
	}
	return mistakes
}

// checkIdentity finds what cannot tell one message from another.
func (s *templated) checkIdentity() (mistakes []error) {
	t := &s.t
	s.batches = slices.ContainsFunc(t.ID.path, isIndex)
	switch {
	case t.Batch > BatchByContent:
		mistakes = append(mistakes, errors.New("Batch is none of the constants"))
	case t.Batch != BatchRefused && !s.batches:
		mistakes = append(mistakes, errors.New("Batch says how several events are identified, but no path of ID has an index"))
	case t.Batch != BatchRefused && s.has(partID):
		mistakes = append(mistakes, errors.New("Batch is for an id in a signed body, but Content has {id}"))
	}
	if t.ID.query != "" && !s.has(partID) {
		mistakes = append(mistakes, errors.New("the ID stands in the query, but Content lacks {id}: an unsigned id can be a Header only"))
	}
	if t.IDOptional && (t.ID.none() || s.has(partID)) {
		mistakes = append(mistakes, errors.New("IDOptional: there is no ID, or Content has it: what is signed cannot be absent"))
	}
	if t.ID.inBody() && !s.has(partBody) && !s.has(partID) {
		mistakes = append(mistakes, errors.New("the body has the ID but is not signed, and Content lacks {id}"))
	}
	if len(t.Stable) > 0 && (!s.has(partBody) || !s.signsID() || slices.ContainsFunc(t.Stable, func(f Field) bool { return !f.inBody() })) {
		mistakes = append(mistakes, errors.New("the Stable members belong to a signed id, and each stands in a signed JSON body"))
	}
	if t.Indistinct && (s.signsID() && !t.IDOptional || t.Stamping == core.StampedEachAttempt) {
		mistakes = append(mistakes, errors.New("the template is Indistinct, but a signed ID or the time of each attempt tells messages apart"))
	}
	switch {
	case t.Topic.none():
	case !t.Topic.whole():
		mistakes = append(mistakes, errors.New("the Topic is not a Header: what stands in a signed body needs no name"))
	case s.signsID():
		mistakes = append(mistakes, errors.New("the Topic does not count beside a signed ID: leave it out"))
	case t.Stamping == core.StampedEachAttempt && !s.delivers():
		mistakes = append(mistakes, errors.New("a Topic alone tells no retry from another event: where each attempt has its own time, an unsigned ID must be there too"))
	}
	return mistakes
}

// signsID says that the signature covers the id.
func (s *templated) signsID() bool { return s.has(partID) || s.t.ID.inBody() && s.has(partBody) }

// delivers says that the id is an unsigned one that counts.
func (s *templated) delivers() bool { return s.t.ID.header != "" && !s.has(partID) && !s.t.idForLogs }

// counts says that there is an unsigned id or topic, which counts together with
// the content.
func (s *templated) counts() bool { return s.delivers() || !s.t.Topic.none() }

// readURL takes the URL apart.
func (s *templated) readURL() error {
	if !s.has(partURL) {
		if s.t.URL != "" {
			return errors.New("the template has a URL, but Content lacks {url}")
		}
		return nil
	}
	u, err := publicURL(s.t.URL)
	if err != nil {
		return err
	}
	if s.mustBeWhole() {
		u.exact()
	}
	s.url = u
	return nil
}

// mustBeWhole says that the request may choose no part of the address: whoever
// sends it could move a part of the body there. A line break ends an address.
func (s *templated) mustBeWhole() bool {
	i := s.index(partURL)
	if i+1 == len(s.parts) {
		return s.has(partBody)
	}
	return s.parts[i+1].literal == "" || s.parts[i+1].literal[0] != '\n' || s.index(partBody) < i
}

// address is the public address of an endpoint.
type address struct {
	text  string
	path  bool // text has a path
	query bool // text has all there is
}

func publicURL(text string) (address, error) {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return address{}, errors.New("no URL: this sender signs the public address of the endpoint, pass it as registered with the sender, \"https://…\"")
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Fragment != "" || u.User != nil:
		return address{}, errors.New("the URL is not a public address like https://example.com/hook")
	}
	return address{text, u.Path != "", u.RawQuery != "" || u.ForceQuery}, nil
}

func (a *address) exact() { a.path, a.query = true, true }

// write adds the address that r was sent to; ok is false if it cannot have been
// sent to this one.
func (a *address) write(r *core.Request, c *core.Content) bool {
	base, rest, ok := a.of(r)
	c.WriteString(base)
	c.WriteString(rest)
	return ok
}

// of returns that address in two parts, the first of which is configured.
func (a *address) of(r *core.Request) (base, rest string, ok bool) {
	target := r.URL
	if i := strings.Index(target, "://"); i >= 0 && !strings.ContainsAny(target[:i], "/?") { // absolute form
		target = target[i+3:]
		target = target[max(strings.IndexByte(target, '/'), 0):]
	}
	if strings.ContainsFunc(target, func(r rune) bool { return r <= ' ' }) {
		return "", "", false // no request line can hold it, but something else than HTTP/1 might
	}
	path, query, has := strings.Cut(target, "?")
	switch {
	case a.query:
		_, own, _ := strings.Cut(a.text, "?")
		return a.text, "", query == own
	case a.path && has:
		return a.text, target[len(path):], true
	case a.path:
		return a.text, "", true
	default:
		return a.text, target, true
	}
}
