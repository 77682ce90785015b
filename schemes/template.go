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

// Template describes how a sender signs; [Template.Scheme] turns it into a
// [core.Scheme]. Most schemes of this package are templates. Write one for a
// sender that is not listed:
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
	// Name is part of every replay key. Keep it short, use only lower-case
	// letters, digits and hyphens, and never change it.
	Name string
	// Signature is the place of the signatures. Together with More there may be
	// several, and a request may lack some of them.
	Signature Field
	// More lists further places of signatures, for keys in rotation. Each must
	// be of the same kind as Signature: a header, in the query, or in the body.
	More []Field
	// List separates the signatures in one value: ",", ";" or " ". If it is
	// empty, a value is one signature.
	List string
	// Label is the text before a signature: "sha256=", "v1=". In a list,
	// entries with another label are skipped.
	Label string
	// Algorithm makes the signatures. Default: HMAC-SHA256.
	Algorithm Algorithm
	// Encoding is how a signature is encoded. Default: [core.Hex].
	Encoding core.Encoding
	// Secret is how the text of a secret becomes a key. Default: [Verbatim].
	Secret SecretText
	// Timestamp is the place of the timestamp, Unit its format, and Stamping
	// its meaning. Content must include it.
	Timestamp Field
	Unit      Unit
	Stamping  core.Stamping
	// Nonce is the place of a signed value that the sender generates for each
	// attempt, in addition to the timestamp. Like that timestamp, it identifies
	// nothing.
	Nonce Field
	// ID is the place of the message id, which is the same for all attempts of
	// a message and unique to it. Content decides whether it is signed. A
	// signed id identifies the message on its own. An id in an unsigned header
	// is a delivery id: it counts together with the signed content, within
	// [core.Config].Repeats. A message without its id is rejected unless
	// IDOptional is set.
	ID Field
	// IDOptional accepts messages without an id: the signed content identifies
	// them. Do not set it for a sender that always sends an id. Two events with
	// equal content could not be distinguished.
	IDOptional bool
	// Topic is an unsigned header with the type of the event, for a sender that
	// may send the same content for several events. It may be absent. It counts
	// in the same way as an unsigned ID.
	Topic Field
	// Stable lists the members of the body that are equal in all attempts of an
	// event: its type, its time and its data. A member may be an object or an
	// array. Stable is for a sender that signs an id but renders the rest of
	// the body again for each attempt. All attempts with one id must agree in
	// these members. If Stable is empty, or if none of the members is present,
	// they must agree in the whole signed content without the timestamp.
	Stable []Field
	// Indistinct says that two events may have the same signed content, or that
	// this is unknown. Such a message may be another event when it arrives
	// again, so it is not acknowledged. The exception is a message with its ID
	// or, if the sender has no ID, with its Topic.
	Indistinct bool
	// Batch says how a body with several events is identified, for an ID whose
	// path has an index: JSON("events", "0", "id").
	Batch Batch
	// IDLength is the exact length of the id. It is needed if Content has no
	// literal between the id and the next part.
	IDLength int
	// Content is the signed text, with {id}, {timestamp}, {nonce}, {body},
	// {method} and {url}: "v0:{timestamp}:{body}". {header:Name} and
	// {query:name} are values that belong to the message and help to identify
	// it. Use Nonce for a value that differs between attempts. {secret} is the
	// secret, and must come last.
	Content string
	// Gunzip says that the sender signs the body before it compresses it with
	// gzip. The scheme decompresses such a body, up to 8 MiB and 64 times its
	// size. The result is signed and identifies the message. Other compressed
	// bytes may decompress to the same body, so BodySigned is false for a
	// compressed one.
	Gunzip bool
	// URL is the public address of the endpoint, for {url}. The host never
	// comes from the request. If URL is only an origin, path and query come
	// from the request; if it has a path, only the query does. If it has a
	// query, URL is the whole address, and the query of a request must equal
	// it. URL is also the whole address if the body comes before {url}, or if
	// anything but a line break follows {url}.
	URL string
	// Past and Future are the tolerance that the sender prescribes. Zero: the
	// defaults of [core.Config].
	Past, Future time.Duration
	// MaxSignatures is the maximum number of signatures in a request. Default:
	// 16.
	MaxSignatures int

	bodyless  bool // the sender signs no body; unexported, so that only reviewed schemes have it
	idForLogs bool // the unsigned ID may differ between attempts, so it does not count
}

// Field is a place in a request: [Header], [Entry], [Item], [Query] or [JSON].
// The zero Field is no place.
type Field struct {
	header string   // canonical
	key    string   // key of a list entry, with its "="
	item   int      // position in a list without keys, counted from 1
	query  string   // name of a URL parameter
	path   []string // path in the JSON body
}

// Header returns the place that is the value of a header.
func Header(name string) Field { return Field{header: http.CanonicalHeaderKey(name)} }

// Entry returns the place of the value of "key=value" in a list in a header.
func Entry(header, key string) Field {
	return Field{header: http.CanonicalHeaderKey(header), key: key + "="}
}

// Item returns the place of an entry of a list without keys in a header, by its
// index: 0 is the first.
func Item(header string, index int) Field {
	if index >= 0 {
		index++ // count from 1, so the zero Field is no place; a negative index stays a mistake
	}
	return Field{header: http.CanonicalHeaderKey(header), item: index}
}

// Query returns the place of the value of a URL parameter. The parameter must
// occur exactly once.
func Query(name string) Field { return Field{query: name} }

// JSON returns the place of a string or number in the JSON body, by the names
// of the members that lead to it. In an array, the name is an index: "0" is the
// first.
func JSON(path ...string) Field { return Field{path: path} }

func (f *Field) none() bool   { return f.header == "" && f.query == "" && len(f.path) == 0 }
func (f *Field) inBody() bool { return len(f.path) > 0 }
func (f *Field) same(other Field) bool {
	return f.header == other.header && f.key == other.key && f.item == other.item && f.query == other.query && slices.Equal(f.path, other.path)
}

// whole reports whether the field is the whole value of a header.
func (f *Field) whole() bool { return f.header != "" && f.key == "" && f.item == 0 }

// Batch says how a body with several events is identified.
type Batch uint8

// The zero Batch rejects such bodies.
const (
	// BatchRefused: a body with several events is malformed.
	BatchRefused Batch = iota
	// BatchByContent: the signed content identifies a body with several events;
	// the id identifies a body with one. A retry that groups the events
	// differently is another message.
	BatchByContent
)

// Unit is the format of a timestamp.
type Unit uint8

// The units. Numbers are canonical: no sign, no leading zero.
const (
	Seconds Unit = iota // since 1970
	Milliseconds
	RFC3339
	ISO8601  // RFC 3339, or the same without a zone, then in UTC
	HTTPDate // "Sun, 06 Nov 1994 08:49:37 GMT"
	UnixTime // seconds since 1970, or milliseconds if it has 13 digits
)

// SecretText is how the text of a secret becomes a key.
type SecretText uint8

// The forms of secrets.
const (
	Verbatim SecretText = iota // the bytes of the text are the key
	HexText
	Base64Text // padded standard base64; a public key of ECDSA or RSA in SPKI DER, or in a certificate: the lines of a PEM file, joined
)

// Algorithm makes signatures. The zero Algorithm is [HMACSHA256].
type Algorithm struct{ of *algorithm }

// The algorithms. Do not assign to them. They are variables so that a program
// links only what it names: a program that uses HMAC links no parser for public
// keys.
//
//nolint:gochecknoglobals // constants
var (
	HMACSHA256 = Algorithm{}
	HMACSHA1   = Algorithm{&hmacSHA1}
	HMACSHA512 = Algorithm{&hmacSHA512}
	Ed25519    = Algorithm{&eddsa}
	ECDSAP256  = Algorithm{&ecdsaP256} // over SHA-256, with the signature in ASN.1 DER
	RSASHA256  = Algorithm{&rsaSHA256} // PKCS #1 v1.5
	RSASHA512  = Algorithm{&rsaSHA512} // PKCS #1 v1.5
	SHA256     = Algorithm{&plainHash} // needs a Content that ends with {secret}; weaker than an HMAC, for senders that have nothing better
)

// Scheme checks the template and returns a scheme. The error lists every
// mistake.
func (t Template) Scheme() (core.Scheme, error) {
	s, err := t.build()
	if err != nil {
		return nil, err
	}
	return s, nil
}

// must is for schemes of this package whose templates depend on no argument. A
// mistake in one is a bug that every test of the scheme finds.
func must(t Template) *templated {
	s, err := t.build()
	if err != nil {
		panic(err)
	}
	return s
}

// fromSettings is for schemes whose template contains arguments of the program.
// [core.New] reports a mistake in them, so constructors need no error result.
func fromSettings(t Template) core.Scheme {
	s, err := t.build()
	if err != nil {
		return unusable{t.Name, err}
	}
	return s
}

// unusable is the scheme of a constructor that failed. It rejects everything
// with err.
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

// build checks everything at start-up, and collects all mistakes. So requests
// need no checks of the template.
func (t Template) build() (*templated, error) {
	s := &templated{t: t, label: strings.TrimRight(t.Label, "=,:")}
	var mistakes []error
	fail := func(format string, args ...any) { mistakes = append(mistakes, fmt.Errorf(format, args...)) }

	// Names are parts of store keys and metrics, so their alphabet is small.
	if t.Name == "" || strings.ContainsFunc(t.Name, func(r rune) bool {
		return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z')
	}) {
		fail("Name is %q: use lower-case letters, digits and hyphens", t.Name)
	}
	if s.t.Encoding == 0 {
		s.t.Encoding = core.Hex
	}
	if s.t.MaxSignatures == 0 {
		s.t.MaxSignatures = maxSignatures
	}
	if s.t.Encoding > core.Base64URL || t.Secret > Base64Text || t.Unit > UnixTime {
		fail("Encoding, Secret or Unit is not one of the constants")
	}
	if t.List != "" && t.List != "," && t.List != ";" && t.List != " " {
		fail("List is %q: it must be \",\", \";\" or \" \"", t.List)
	}
	for _, f := range append([]Field{t.Signature}, t.More...) {
		switch {
		case f.none():
			fail("Signature is missing: say where it is, as in schemes.Header(\"X-Signature\")")
		case f.key != "" || f.item != 0:
			fail("Signature is an Entry or Item: make it a Header with List and Label")
		case f.inBody() != t.Signature.inBody() || (f.query == "") != (t.Signature.query == ""):
			fail("Signature and More must all be in headers, all in the query, or all in the body")
		case f.query != "" && t.List != "":
			fail("Signature is in the query, which has no lists: leave out List")
		}
	}
	for name, f := range map[string]Field{"Signature": t.Signature, "Timestamp": t.Timestamp, "Nonce": t.Nonce, "ID": t.ID, "Topic": t.Topic} {
		if f.header != "" && textproto.CanonicalMIMEHeaderKey(f.header) != f.header || strings.ContainsAny(f.header, " :\r\n") {
			fail("%s: %q is not a header name", name, f.header)
		}
		if (f.key != "" || f.item != 0) && t.List == "" {
			fail("%s is an entry of a list, but List is empty: set the list's separator", name)
		}
		if f.key == "=" {
			fail("%s is an Entry without a key: for a list without keys, use Item", name)
		}
		if f.item < 0 {
			fail("%s is an Item with the index %d, but items count from 1", name, f.item)
		}
	}
	if err := s.readContent(t.Content); err != nil {
		fail("Content: %w", err)
	}
	for _, p := range s.parts {
		if p.kind == partValue && strings.ContainsAny(p.field.header, " :\r\n") {
			fail("Content: %q is not a header name", p.field.header)
		}
	}
	mistakes = append(mistakes, s.checkKeys()...)
	// From here on the parts are known; the following checks depend on them.
	s.front = s.inFront()
	s.outlined()
	if len(t.More) > 0 {
		s.moreOf = commonPrefix(t.More)
	}
	// The important check: without it, one signature could fit two messages.
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

// checkKeys finds a {secret} under an algorithm with public keys, and a plain
// hash without one. It also finds a SecretText that cannot hold a public key.
func (s *templated) checkKeys() (mistakes []error) {
	algorithm := s.t.Algorithm.is()
	private := algorithm.public != nil
	switch {
	case private && s.has(partSecret):
		mistakes = append(mistakes, errors.New("Content has {secret}, but the sender signs with a private key: leave it out"))
	case algorithm.plain && !s.has(partSecret):
		mistakes = append(mistakes, errors.New("Algorithm is a plain hash, which anybody can compute: Content must end with {secret}"))
	}
	if s.t.Secret < algorithm.secret {
		mistakes = append(mistakes, errors.New("the secret is a public key in base64: set Secret to Base64Text"))
	}
	return mistakes
}

// checkStamp finds a timestamp, an id or a nonce that is described but not
// signed, or signed but not described.
func (s *templated) checkStamp() (mistakes []error) {
	t := &s.t
	stamped := t.Stamping == core.StampedOnce || t.Stamping == core.StampedEachAttempt
	// A timestamp in the body is signed with the body.
	signedStamp := s.has(partTimestamp) || t.Timestamp.inBody() && s.has(partBody)
	switch {
	case t.Stamping == core.NotIdentified:
		mistakes = append(mistakes, errors.New("Stamping must not be NotIdentified: signed bytes always identify themselves"))
	case stamped && t.Timestamp.none():
		mistakes = append(mistakes, errors.New("Stamping says that there is a timestamp: set Timestamp, as in schemes.Header(\"X-Timestamp\")"))
	case stamped && !signedStamp:
		mistakes = append(mistakes, errors.New("the timestamp is not signed, so anybody can change it: add {timestamp} to Content, or leave out Timestamp"))
	case !stamped && !t.Timestamp.none():
		mistakes = append(mistakes, errors.New("Timestamp needs Stamping: core.StampedEachAttempt if each attempt has its own time, or core.StampedOnce "+
			"if all attempts of a message share one"))
	}
	if s.has(partTimestamp) && t.Timestamp.none() && !stamped {
		mistakes = append(mistakes, errors.New("Content has {timestamp}, but Timestamp does not say where it is"))
	}
	if s.has(partID) && t.ID.none() {
		mistakes = append(mistakes, errors.New("Content has {id}, but ID does not say where it is"))
	}
	// core compares contents with at most two varying parts left out, the timestamp and the nonce.
	switch n := t.Nonce; {
	case s.has(partNonce) != !n.none():
		mistakes = append(mistakes, errors.New("a Nonce must be signed: set Nonce and put {nonce} into Content, or do neither"))
	case n.none():
	case t.Stamping != core.StampedEachAttempt:
		mistakes = append(mistakes, errors.New("a Nonce needs core.StampedEachAttempt: a value that stays the same across all attempts is an ID, or {header:…}"))
	case n.inBody():
		mistakes = append(mistakes, errors.New("the Nonce is in the body: leave it out, because a signed body already covers it"))
	case t.Timestamp.inBody() && s.has(partTimestamp):
		mistakes = append(mistakes, errors.New("a Nonce cannot be combined with a time in both Content and the body: at most two parts may differ between attempts"))
	}
	if !s.has(partBody) && !s.t.bodyless {
		mistakes = append(mistakes, errors.New("Content lacks {body}, so anybody could change the message"))
	}
	return mistakes
}

// checkIdentity finds fields that cannot distinguish messages, or that
// contradict each other.
func (s *templated) checkIdentity() (mistakes []error) {
	t := &s.t
	s.batches = slices.ContainsFunc(t.ID.path, isIndex)
	switch {
	case t.Batch > BatchByContent:
		mistakes = append(mistakes, errors.New("Batch is not one of the constants"))
	case t.Batch != BatchRefused && !s.batches:
		mistakes = append(mistakes, errors.New("Batch is for bodies with several events, but the path of ID has no index"))
	case t.Batch != BatchRefused && s.has(partID):
		mistakes = append(mistakes, errors.New("Batch is for an id in a signed body, but Content has {id}"))
	}
	if t.ID.query != "" && !s.has(partID) {
		mistakes = append(mistakes, errors.New("the ID is in the query, but Content lacks {id}: an unsigned id must be a Header"))
	}
	if t.IDOptional && (t.ID.none() || s.has(partID)) {
		mistakes = append(mistakes, errors.New("IDOptional needs an ID that is not part of Content: a signed part cannot be absent"))
	}
	if t.ID.inBody() && !s.has(partBody) && !s.has(partID) {
		mistakes = append(mistakes, errors.New("the ID is in the body, which is not signed: add {body} or {id} to Content"))
	}
	// Unsigned members could be changed by anybody, and without a signed id nothing compares
	// attempts.
	if len(t.Stable) > 0 && (!s.has(partBody) || !s.signsID() || slices.ContainsFunc(t.Stable, func(f Field) bool { return !f.inBody() })) {
		mistakes = append(mistakes, errors.New("Stable needs a signed id, and each of its members must be in a signed JSON body"))
	}
	if t.Indistinct && (s.signsID() && !t.IDOptional || t.Stamping == core.StampedEachAttempt) {
		mistakes = append(mistakes, errors.New("Indistinct must not be set: a signed ID or each attempt's own time distinguishes messages"))
	}
	switch {
	case t.Topic.none():
	case !t.Topic.whole():
		mistakes = append(mistakes, errors.New("Topic must be a Header, not an Entry, an Item or a field of the body (a signed body already covers its fields)"))
	case s.signsID():
		mistakes = append(mistakes, errors.New("Topic has no effect with a signed ID: leave it out"))
	case t.Stamping == core.StampedEachAttempt && !s.delivers():
		mistakes = append(mistakes, errors.New("a Topic alone cannot distinguish a retry from another event: if each attempt has its own time, set an unsigned ID too"))
	}
	return mistakes
}

// signsID reports whether the signature covers the id.
func (s *templated) signsID() bool { return s.has(partID) || s.t.ID.inBody() && s.has(partBody) }

// delivers reports whether the id is a delivery id: unsigned, but part of the
// identity.
func (s *templated) delivers() bool { return s.t.ID.header != "" && !s.has(partID) && !s.t.idForLogs }

// counts reports whether an unsigned id or topic is part of the identity,
// together with the content.
func (s *templated) counts() bool { return s.delivers() || !s.t.Topic.none() }

// readURL parses the URL of the template.
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
	// The body and the address must not share a border that a request can move.
	if s.mustBeWhole() {
		u.exact()
	}
	s.url = u
	return nil
}

// mustBeWhole reports whether the request must not determine any part of the
// address. Otherwise an attacker could move a part of the body into the address
// under one signature. Only a line break clearly ends an address, because none
// can contain one.
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
	path  bool // text has a path, so requests only add a query
	query bool // text is complete, so requests add nothing
}

// publicURL parses the public address of an endpoint.
func publicURL(text string) (address, error) {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return address{}, errors.New("no URL: this sender signs the endpoint's public URL. Pass it as registered with the sender, \"https://…\"")
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Fragment != "" || u.User != nil:
		return address{}, errors.New("the URL is not a public address such as https://example.com/hook")
	}
	return address{text, u.Path != "", u.RawQuery != "" || u.ForceQuery}, nil
}

// exact makes the configured text the whole address.
func (a *address) exact() { a.path, a.query = true, true }

// write appends the public address of r to c. It returns false if r cannot have
// been sent to this endpoint.
func (a *address) write(r *core.Request, c *core.Content) bool {
	base, rest, ok := a.of(r)
	c.WriteString(base)
	c.WriteString(rest)
	return ok
}

// of returns the public address of r in two parts: base is configured, and rest
// comes from the request.
func (a *address) of(r *core.Request) (base, rest string, ok bool) {
	target := r.URL
	if i := strings.Index(target, "://"); i >= 0 && !strings.ContainsAny(target[:i], "/?") { // absolute form: a proxy may send it, and its host is not trusted
		target = target[i+3:]
		target = target[max(strings.IndexByte(target, '/'), 0):]
	}
	if strings.ContainsFunc(target, func(r rune) bool { return r <= ' ' }) {
		return "", "", false // HTTP/1 cannot carry these characters, but other protocols might
	}
	path, query, has := strings.Cut(target, "?")
	switch {
	// The signed address is the configured one, with its spelling. The query is only compared.
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
