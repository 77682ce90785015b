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
	"github.com/hookonce/hookonce/internal/reqtarget"
)

// Template describes how a sender signs. [Template.Scheme] turns the
// description into a [core.Scheme]. Most schemes in this package are templates.
// Write one for a sender that is not listed:
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
	// Name is part of every [core.Key]. Keep it short, use only lower-case
	// letters, digits and hyphens, and never change it.
	Name string
	// Signature says where the signatures are: in a header, in the query, or in
	// the body. A signature in the body needs Body, because it cannot cover
	// itself.
	Signature Field
	// More lists further places of signatures, for keys in rotation. All must
	// be of the same kind as Signature.
	More []Field
	// List is the separator between the signatures in one value: a comma, a
	// semicolon or a space. If List is empty, a value is one signature.
	List string
	// Label is the text before a signature, such as "sha256=" or "v1=". In a
	// list, entries with another label are skipped.
	Label string
	// Algorithm is the signature algorithm. Default: HMAC-SHA256.
	Algorithm Algorithm
	// Encoding is the encoding of a signature. Default: [core.Hex].
	Encoding core.Encoding
	// Secret says how the text of a secret becomes a key. Default: [Verbatim].
	Secret SecretText
	// DeriveKey returns the key for a secret, if the sender hashes or
	// normalizes the secret before it signs. It gets the bytes that Secret
	// describes, and may change and keep them. It never gets an empty secret or
	// the text of a public key, and must not return an empty key. [core.New]
	// reports its errors, so they must not contain the secret. DeriveKey may be
	// called concurrently. Package explain calls it for each spelling of the
	// secret that it tries. If DeriveKey is nil, the secret is the key.
	DeriveKey func(secret []byte) ([]byte, error)
	// Timestamp says where the timestamp is, Unit is its format, and Stamping
	// says what it means. The signature must cover the timestamp: put
	// {timestamp} into Content, unless the timestamp is in a signed body.
	Timestamp Field
	Unit      Unit
	Stamping  core.Stamping
	// Nonce says where a signed value is that the sender generates for each
	// attempt, in addition to the timestamp. Like the timestamp, it does not
	// identify a message.
	Nonce Field
	// ID says where the message id is. All attempts of a message have the same
	// id, and no other message has it. Content decides whether it is signed. A
	// signed id identifies the message on its own. An id in an unsigned header
	// is a delivery id: it identifies the message together with the signed
	// content (see [core.Config].Repeats for the limit). A message without its
	// id is rejected unless IDOptional is set.
	ID Field
	// IDOptional accepts messages without an id. The signed content identifies
	// such a message, so two events with equal content cannot be distinguished.
	// Do not set IDOptional for a sender that always sends an id.
	IDOptional bool
	// Topic is an unsigned header with the event type, for a sender that may
	// send the same content for several events. The header may be absent. Like
	// an unsigned ID, it identifies the message together with the signed
	// content.
	Topic Field
	// Stable lists the members of the body, or the fields of a SortedForm, that
	// are equal in all attempts of an event, such as its type, time and data. A
	// member may be an object or an array. Stable is for a sender that signs an
	// id but renders the rest of the body again for each attempt. All attempts
	// with the same id must agree in these members. If Stable is empty, or if
	// none of its members is present, the attempts must agree in the whole body
	// except a timestamp in it.
	Stable []Field
	// Indistinct says that two events may have the same signed content, or that
	// this is unknown. When such content arrives again, it may be another
	// event. It is therefore refused with 503 ([core.ErrRepeated]) instead of
	// acknowledged. This does not apply to a message that carries its ID or, if
	// the template has no ID, its Topic.
	Indistinct bool
	// Batch says how a body with several events is identified. It is for an ID
	// whose path has an index, such as JSON("events", "0", "id").
	Batch Batch
	// IDLength is the exact length of the id. It is required if Content has no
	// literal between the id and the next part.
	IDLength int
	// Content is the signed text, with {id}, {timestamp}, {nonce}, {body},
	// {method} and {url}, as in "v0:{timestamp}:{body}". {header:Name} and
	// {query:name} are values that all attempts of a message share. They are
	// part of its identity. For a value that differs between attempts, use
	// Nonce. {secret} is the secret, and must come last.
	Content string
	// Body says which part of the body is {body} in Content. Default: the whole
	// body.
	//
	//   - JSON("data"): a member that is an object or an array, in the same
	//     bytes as in the body.
	//   - Form("data"): the decoded value of a form field.
	//   - SortedForm(): all fields of a form except the signatures.
	//
	// The rest of the body must be signed too, so that nobody can change it. A
	// body is rejected if it has a member or field that is not the Body, a
	// signature, or an ID or Timestamp that Content names. BodySigned is false,
	// because some spellings are not signed: white space, the order of members,
	// and whether an ID or Timestamp is a number or a string. A number must
	// therefore be an integer of up to 15 digits, which no parser rounds.
	Body Field
	// Gunzip says that the sender signs the body before compressing it with
	// gzip. The scheme decompresses such a body, up to 8 MiB and about 64 times
	// its size. The result is signed and identifies the message. Other
	// compressed bytes may decompress to the same result, so BodySigned is
	// false for a compressed body.
	Gunzip bool
	// URL is the endpoint's public URL, for {url}. The host never comes from
	// the request. If URL is only an origin, the path and the query come from
	// the request. If URL has a path, only the query comes from the request. If
	// URL has a query, URL is complete, and a request's query must equal it.
	// URL is also complete if the body comes before {url}, or if anything
	// except a line break follows {url}.
	URL string
	// Past and Future are the tolerance that the sender prescribes. Zero: the
	// defaults in [core.Config].
	Past, Future time.Duration
	// MaxSignatures is the maximum number of signatures in a request. Default:
	// 16.
	MaxSignatures int

	bodyless  bool // the sender does not sign the body; unexported, so that only reviewed schemes set it
	idForLogs bool // the unsigned ID may differ between attempts, so it identifies nothing
	sets      bool // a space separates entries too: each key has its own set of time and signature, and the first time counts
}

// Field is a place in a request: [Header], [Entry], [Item], [Query], [JSON],
// [Form] or [SortedForm]. The zero Field means no place.
type Field struct {
	header string   // canonical
	key    string   // key of a list entry, with its "="
	item   int      // position in a list without keys, counted from 1
	query  string   // name of a URL parameter
	path   []string // path in the JSON body
	form   string   // name of a form field in the body
	sorted bool     // all form fields
}

// Header returns the [Field] for the value of a header.
func Header(name string) Field { return Field{header: http.CanonicalHeaderKey(name)} }

// Entry returns the [Field] for the value of a key=value entry in a header that
// holds a list.
func Entry(header, key string) Field {
	return Field{header: http.CanonicalHeaderKey(header), key: key + "="}
}

// Item returns the [Field] for the entry with this index in a header that holds
// a list without keys. Index 0 is the first entry.
func Item(header string, index int) Field {
	if index >= 0 {
		index++ // count from 1, so the zero Field means no place; a negative index remains a mistake
	}
	return Field{header: http.CanonicalHeaderKey(header), item: index}
}

// Query returns the [Field] for the value of a URL parameter. A request with
// two such parameters is rejected.
func Query(name string) Field { return Field{query: name} }

// JSON returns the [Field] for a string or number in the JSON body. path lists
// the names of the members that lead to it. In an array, the name is an index:
// "0" is the first element.
func JSON(path ...string) Field { return Field{path: path} }

// Form returns the [Field] for the decoded value of a field in a form body. The
// request must be a POST, PUT or PATCH with the Content-Type
// application/x-www-form-urlencoded in lower case, because net/http and
// fasthttp read no form from some other requests. In the handler, read
// [http.Request].PostForm. FormValue and Form also contain the parameters of
// the URL, which are not signed.
func Form(name string) Field { return Field{form: name} }

// SortedForm returns the [Field] for all fields of a form body except the
// signatures, for [Template].Body. The fields are decoded, sorted by name,
// written as "name=value" and joined with "&". Empty fields are included.
//
// A form is rejected if it has a name twice. It is also rejected if its text
// could be split into fields in another way. That is the case if a value
// contains "&", a name that sorts after the name of the value, and "=".
func SortedForm() Field { return Field{sorted: true} }

func (f *Field) none() bool   { return f.header == "" && f.query == "" && !f.inBody() }
func (f *Field) inBody() bool { return len(f.path) > 0 || f.inForm() }
func (f *Field) inForm() bool { return f.form != "" || f.sorted }
func (f *Field) same(other Field) bool {
	return f.header == other.header && f.key == other.key && f.item == other.item && f.query == other.query && slices.Equal(f.path, other.path) &&
		f.form == other.form && f.sorted == other.sorted
}

// whole reports whether the field is the whole value of a header.
func (f *Field) whole() bool { return f.header != "" && f.key == "" && f.item == 0 }

// Batch says how a body with several events is identified.
type Batch uint8

// BatchRefused, the zero value, is the default.
const (
	// BatchRefused rejects a body with several events as malformed.
	BatchRefused Batch = iota
	// BatchByContent identifies a body with several events by the signed
	// content, and a body with one event by its id. A retry that groups the
	// events differently is another message.
	BatchByContent
)

// Unit is the format of a timestamp.
type Unit uint8

// The units. Numbers must be canonical, with no sign and no leading zero.
const (
	Seconds Unit = iota // seconds since 1970
	Milliseconds
	RFC3339
	ISO8601  // RFC 3339, or the same without a zone, which means UTC
	HTTPDate // "Sun, 06 Nov 1994 08:49:37 GMT"
	UnixTime // seconds since 1970, or milliseconds if it has 13 digits
)

// SecretText says how the text of a secret becomes a key.
type SecretText uint8

// The forms of secrets.
const (
	Verbatim SecretText = iota // the bytes of the text are the key
	HexText
	Base64Text // padded standard base64. For an ECDSA or RSA key: the base64 text of a PEM public key or certificate, on one line, without the BEGIN and END lines
)

// Algorithm is a signature algorithm. The zero Algorithm stands for
// [HMACSHA256].
type Algorithm struct{ of *algorithm }

// The algorithms. Do not assign to them. They are variables so that a program
// links only the algorithms that it names. For example, a program that uses
// only HMAC links no parser for public keys.
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
	SHA256     = Algorithm{&plainHash} // needs a Content that ends with {secret}; weaker than an HMAC, for senders that offer nothing better
)

// Scheme checks the template and returns a scheme. The error lists the mistakes
// together.
func (t Template) Scheme() (core.Scheme, error) {
	s, err := t.build()
	if err != nil {
		return nil, err
	}
	return s, nil
}

// must is for schemes in this package whose templates depend on no argument. A
// mistake in such a template is a bug that every test of the scheme finds.
func must(t Template) *templated {
	s, err := t.build()
	if err != nil {
		panic(err)
	}
	return s
}

// fromSettings is for schemes whose template contains the caller's arguments.
// [core.New] reports a mistake in them, so constructors need no error result.
func fromSettings(t Template) core.Scheme {
	s, err := t.build()
	if err != nil {
		return unusable{t.Name, err}
	}
	return s
}

// unusable is the scheme that a constructor returns on failure. It rejects
// everything with err.
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

// build checks the whole template at startup, and collects all mistakes. So
// requests need no checks of the template.
func (t Template) build() (*templated, error) {
	s := &templated{t: t, label: strings.TrimRight(t.Label, "=,:")}
	var mistakes []error
	fail := func(format string, args ...any) { mistakes = append(mistakes, fmt.Errorf(format, args...)) }

	// Names are part of store keys and metrics, so few characters are allowed.
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
	if s.t.Encoding > core.Base64URLPadded || t.Secret > Base64Text || t.Unit > UnixTime {
		fail("Encoding, Secret or Unit has an unknown value: use the constants of core and schemes")
	}
	if t.List != "" && t.List != "," && t.List != ";" && t.List != " " {
		fail("List is %q, but must be \",\", \";\" or \" \"", t.List)
	}
	for _, f := range append([]Field{t.Signature}, t.More...) {
		switch {
		case f.none():
			fail("Signature or an element of More is empty: say where the signature is, as in schemes.Header(\"X-Signature\")")
		case f.key != "" || f.item != 0:
			fail("Signature or an element of More is an Entry or Item: use a Header with List and Label")
		case f.inBody() != t.Signature.inBody() || f.inForm() != t.Signature.inForm() || (f.query == "") != (t.Signature.query == ""):
			fail("Signature and More must all be in headers, all in the query, or all in the body")
		case (f.query != "" || f.inBody()) && t.List != "":
			fail("Signature is in the query or in the body, which have no lists: leave out List")
		}
	}
	for _, place := range []struct {
		name string
		Field
	}{{"Signature", t.Signature}, {"Timestamp", t.Timestamp}, {"Nonce", t.Nonce}, {"ID", t.ID}, {"Topic", t.Topic}} {
		name, f := place.name, &place.Field
		if f.header != "" && !isHeaderName(f.header) {
			fail("%s has the header %q, which is not a valid header name", name, f.header)
		}
		if (f.key != "" || f.item != 0) && t.List == "" {
			fail("%s is an entry of a list, but List is empty: set List to the list's separator", name)
		}
		if f.key == "=" {
			fail("%s is an Entry without a key: for a list without keys, use Item", name)
		}
		if f.item < 0 {
			fail("%s is an Item with the index %d, but the first entry has the index 0", name, f.item)
		}
	}
	if err := s.readContent(t.Content); err != nil {
		mistakes = append(mistakes, err)
	}
	for _, p := range s.parts {
		switch {
		case p.kind != partValue || p.field.header == "":
		case !isHeaderName(p.field.header):
			fail("Content has the header %q, which is not a valid header name", p.field.header)
		case p.field.header == "Host":
			fail("Content has {header:Host}, but frameworks remove Host from the headers: use {url}, which signs the address in Template.URL")
		}
	}
	mistakes = append(mistakes, s.checkKeys()...)
	mistakes = append(mistakes, s.checkPlaces()...)
	mistakes = append(mistakes, s.checkBody()...)
	mistakes = append(mistakes, s.checkNumbers()...)
	// The following checks depend on the parts, which are known from here on.
	s.front = s.inFront()
	s.outlined()
	if len(t.More) > 0 {
		s.moreOf = commonPrefix(t.More)
	}
	// This is the important check: without it, one signature could fit two messages.
	for _, m := range s.ambiguous() {
		fail("in Content, %s", m)
	}
	mistakes = append(mistakes, s.checkStamp()...)
	mistakes = append(mistakes, s.checkIdentity()...)
	if err := s.readURL(); err != nil {
		mistakes = append(mistakes, err)
	}
	if err := errors.Join(mistakes...); err != nil {
		return nil, fmt.Errorf("schemes: template %q: %w", t.Name, err)
	}
	if t.sets {
		s.t.List = commaOrSpace
	}
	return s, nil
}

// checkKeys finds a {secret} or a DeriveKey with a public-key algorithm, and a
// plain hash without a {secret}. It also finds a SecretText that cannot hold a
// public key.
func (s *templated) checkKeys() (mistakes []error) {
	algorithm := s.t.Algorithm.is()
	private := algorithm.public != nil
	switch {
	case private && s.has(partSecret):
		mistakes = append(mistakes, errors.New("{secret} is in Content, but the sender signs with a private key: leave it out"))
	case algorithm.plain && !s.has(partSecret):
		mistakes = append(mistakes, errors.New("Algorithm is a plain hash, which anybody can compute: Content must end with {secret}"))
	}
	if private && s.t.DeriveKey != nil {
		mistakes = append(mistakes, errors.New("DeriveKey is for shared secrets, but the sender signs with a private key: leave it out"))
	}
	if s.t.Secret < algorithm.secret {
		mistakes = append(mistakes, errors.New("the secret is a public key in base64: set Secret to Base64Text"))
	}
	return mistakes
}

// checkPlaces finds two fields in one place, and a signature in a place that
// itself is signed. No request fits the second. Of the first, one field cannot
// be what it is described as: an id that is also the timestamp would be another
// one at each attempt.
func (s *templated) checkPlaces() (mistakes []error) {
	t := &s.t
	fail := func(format string, args ...any) { mistakes = append(mistakes, fmt.Errorf(format, args...)) }
	type named struct {
		name  string
		field Field
	}
	signatures := []named{{"Signature", t.Signature}}
	for _, f := range t.More {
		signatures = append(signatures, named{"More", f})
	}
	all := append(slices.Clone(signatures), named{"Timestamp", t.Timestamp}, named{"Nonce", t.Nonce}, named{"ID", t.ID}, named{"Topic", t.Topic})
	for i, one := range all {
		for _, other := range all[:i] {
			if !one.field.none() && one.field.same(other.field) {
				fail("%s and %s are in the same place", other.name, one.name)
			}
		}
		if f := one.field; f.key != "" && f.header == t.Signature.header && strings.HasPrefix(t.Label, f.key) {
			fail("%s is the same entry as the signature, which Label marks: correct one of the two", one.name)
		}
	}
	for _, sig := range signatures {
		switch f := sig.field; {
		case f.inBody() && t.Body.none() && s.has(partBody) && !t.bodyless:
			fail("%s is in the body, and a signature cannot sign itself: set Body to the part of the body that is signed", sig.name)
		case f.query != "" && s.has(partURL):
			fail("%s is in the query, and Content has {url}, which includes the query: a signature cannot sign itself", sig.name)
		case slices.ContainsFunc(s.parts, func(p part) bool { return p.kind == partValue && p.field.same(f) }):
			fail("Content includes the place of %s: a signature cannot sign itself", sig.name)
		}
	}
	return mistakes
}

// checkNumbers finds values under which every message would be refused.
func (s *templated) checkNumbers() (mistakes []error) {
	t := &s.t
	if t.IDLength < 0 || t.IDLength > maxVisible {
		mistakes = append(mistakes, fmt.Errorf("IDLength is %d, but an id has 1 to %d characters", t.IDLength, maxVisible))
	}
	if t.MaxSignatures < 0 {
		mistakes = append(mistakes, fmt.Errorf("MaxSignatures is negative (%d): leave it at zero for the default of %d", t.MaxSignatures, maxSignatures))
	}
	if t.Stamping > core.NotIdentified {
		mistakes = append(mistakes, errors.New("Stamping has an unknown value: use a constant, such as core.StampedOnce"))
	}
	if t.List != "" && strings.Contains(t.Label, t.List) {
		mistakes = append(mistakes, fmt.Errorf("the Label %q contains the separator in List, so no entry can begin with the Label: remove the separator from Label", t.Label))
	}
	return mistakes
}

// isHeaderName reports whether name is the canonical name of a header.
func isHeaderName(name string) bool {
	for i := range len(name) {
		if !isTokenByte(name[i]) {
			return false
		}
	}
	return name != "" && textproto.CanonicalMIMEHeaderKey(name) == name
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
		mistakes = append(mistakes, errors.New("Stamping must not be NotIdentified: a Template identifies each message by its signed content"))
	case stamped && t.Timestamp.none():
		mistakes = append(mistakes, errors.New("Stamping says that there is a timestamp: set Timestamp, as in schemes.Header(\"X-Timestamp\")"))
	case stamped && !signedStamp:
		mistakes = append(mistakes, errors.New("the timestamp is not signed, so anybody can change it: add {timestamp} to Content, or leave out both Timestamp and Stamping"))
	case !stamped && !t.Timestamp.none():
		mistakes = append(mistakes, errors.New("a Timestamp needs Stamping: core.StampedEachAttempt if each attempt has its own time, or core.StampedOnce "+
			"if all attempts of a message share one"))
	}
	if s.has(partTimestamp) && t.Timestamp.none() && !stamped {
		mistakes = append(mistakes, errors.New("{timestamp} is in Content, but Timestamp does not say where the timestamp is"))
	}
	if s.has(partID) && t.ID.none() {
		mistakes = append(mistakes, errors.New("{id} is in Content, but ID does not say where the id is"))
	}
	// core compares contents without at most two varying parts: the timestamp and the nonce.
	switch n := t.Nonce; {
	case s.has(partNonce) != !n.none():
		mistakes = append(mistakes, errors.New("a Nonce must be signed: set Nonce and put {nonce} into Content, or do neither"))
	case n.none():
	case t.Stamping != core.StampedEachAttempt:
		mistakes = append(mistakes, errors.New("a Nonce needs core.StampedEachAttempt: if the value stays the same across all attempts, make it the ID, or sign it with {header:…}"))
	case n.inBody():
		mistakes = append(mistakes, errors.New("the Nonce is in the body: leave it out, because a signed body already covers it. With Body, a Nonce beside the Body needs a scheme in code"))
	case t.Timestamp.inBody() && s.has(partTimestamp):
		mistakes = append(mistakes, errors.New("a Nonce cannot be combined with a time in both Content and the body: at most two parts may differ between attempts"))
	}
	if !s.has(partBody) && !s.t.bodyless {
		mistakes = append(mistakes, errors.New("{body} is missing from Content, so anybody could change the message"))
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
		mistakes = append(mistakes, errors.New("Batch has an unknown value: use a constant, such as schemes.BatchByContent"))
	case t.Batch != BatchRefused && !s.batches:
		mistakes = append(mistakes, errors.New("Batch is for bodies with several events, but the path of ID has no index: leave out Batch"))
	case t.Batch != BatchRefused && s.has(partID):
		mistakes = append(mistakes, errors.New("Batch is for an id in a signed body, but Content has {id}: leave out Batch"))
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
	// Anyone could change unsigned members, and without a signed id, attempts are not compared.
	if len(t.Stable) > 0 && (!s.has(partBody) || !s.signsID() || slices.ContainsFunc(t.Stable, func(f Field) bool { return !f.inBody() })) {
		mistakes = append(mistakes, errors.New("the members of Stable need a signed ID, and each member must be a field of a signed JSON body"))
	}
	if t.Indistinct && (s.signsID() && !t.IDOptional || t.Stamping == core.StampedEachAttempt) {
		mistakes = append(mistakes, errors.New("leave out Indistinct: a signed ID or each attempt's own time distinguishes messages"))
	}
	switch {
	case t.Topic.none():
	case !t.Topic.whole():
		mistakes = append(mistakes, errors.New("the Topic must be a Header, not an Entry, an Item or a field of the body (a signed body already covers its fields)"))
	case s.signsID():
		mistakes = append(mistakes, errors.New("the Topic has no effect with a signed ID: leave it out"))
	case t.Stamping == core.StampedEachAttempt && !s.delivers():
		mistakes = append(mistakes, errors.New("Stamping is core.StampedEachAttempt, so a Topic alone cannot distinguish a retry from another event: set an unsigned ID too"))
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
			return errors.New("the template has a URL, but Content lacks {url}: add {url}, or leave out URL")
		}
		return nil
	}
	u, err := publicURL(s.t.URL)
	if err != nil {
		return err
	}
	// A request must not be able to move the boundary between the body and the URL.
	if s.mustBeWhole() {
		u.exact()
	}
	s.url = u
	return nil
}

// mustBeWhole reports whether the request must not determine any part of the
// URL. Otherwise an attacker could move a part of the body into the URL under
// the same signature. Only a line break clearly ends a URL, because no URL can
// contain one.
func (s *templated) mustBeWhole() bool {
	i := s.index(partURL)
	if i+1 == len(s.parts) {
		return s.has(partBody)
	}
	return s.parts[i+1].literal == "" || s.parts[i+1].literal[0] != '\n' || s.index(partBody) < i
}

// address is an endpoint's public URL.
type address struct {
	text  string
	path  bool // text has a path, so requests add only a query
	query bool // text is complete, so requests add nothing
}

// publicURL parses an endpoint's public URL.
func publicURL(text string) (address, error) {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return address{}, errors.New("the URL is empty, but this sender signs the endpoint's public URL: pass the URL as it is registered with the sender, \"https://…\"")
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Fragment != "" || u.User != nil:
		return address{}, errors.New("the URL must be an address such as https://example.com/hook, without a user name or a fragment")
	}
	return address{text, u.Path != "", u.RawQuery != "" || u.ForceQuery}, nil
}

// exact makes the configured text the complete URL.
func (a *address) exact() { a.path, a.query = true, true }

// write appends the public URL of r to c. It returns false if r cannot have
// been sent to this endpoint.
func (a *address) write(r *core.Request, c *core.Content) bool {
	base, rest, ok := a.of(r)
	c.WriteString(base)
	c.WriteString(rest)
	return ok
}

// of returns the public URL of r in two parts: base is configured, and rest
// comes from the request.
func (a *address) of(r *core.Request) (base, rest string, ok bool) {
	target, ok := signedTarget(r)
	if !ok {
		return "", "", false
	}
	path, query, has := strings.Cut(target, "?")
	switch {
	// The signed URL is the configured one, in its configured spelling. The request's query is only
	// compared.
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

// signedTarget returns the request's path and query. It returns false if they
// cannot follow a host.
func signedTarget(r *core.Request) (string, bool) {
	target := reqtarget.PathAndQuery(r.URL) // the host in a target is not trusted
	// In the absolute form, no path means the slash.
	if len(target) < len(r.URL) && (target == "" || target[0] == '?') {
		target = "/" + target
	}
	// Anything but a path or a query would continue the host. HTTP/1 cannot carry the characters up
	// to the space, but other protocols might.
	if target != "" && target[0] != '/' && target[0] != '?' || strings.ContainsFunc(target, func(r rune) bool { return r <= ' ' }) {
		return "", false
	}
	return target, true
}

const (
	otherTarget = "the request target must be a path, with or without a query"
	otherQuery  = "the request's query differs from the query of the configured URL: is the URL configured as it is registered with the sender?"
)

// misdirected returns the error for a request that [address.of] rejects.
func misdirected(r *core.Request) error {
	if _, ok := signedTarget(r); !ok {
		return malformed(otherTarget)
	}
	return malformed(otherQuery)
}
