package core

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// A Verifier admits messages that are authentic and, if the scheme identifies
// them, new. It also checks that a signed timestamp is fresh. A Verifier is for
// one endpoint: one address that is registered with one sender, or one route
// whose tenants a [KeySource] names. Create one with [New] at start-up for each
// endpoint. Give each its own store namespace or its own source (see
// [Keys.From]). A sender that delivers one event to two endpoints may give both
// deliveries the same id. If one verifier serves both, it refuses the second
// delivery as a misconfiguration once the first has been handled. That works
// only if the two addresses differ in public host name, path or query. If they
// differ only in port, IP address or private host name, the verifier may
// acknowledge the second delivery without running the handler. A Verifier is
// immutable and safe for concurrent use.
type Verifier struct {
	cfg    Config
	scheme Scheme
	keys   KeySource
	claims claims

	// Properties of the scheme, read once.
	name     string
	stamping Stamping // see Config.stamping
	facts    Facts
	scope    []byte // the beginning of the hash of every key
	scoper   scoper // nil if the store has no method Scope
	forgets  bool   // the store is in the memory of the program

	endpoint atomic.Pointer[endpointDigest] // of the last message

	// static is the keyring of every request; nil if keys is a source.
	static *keyring

	// decoy is the last keyring that a key source returned. A request from an
	// unknown source is checked against it, to take the same time as one from a
	// known source. The context has ended, and the result is ignored.
	decoy atomic.Pointer[keyring]

	lookUps atomic.Int32 // lookups that run in the key source now
}

// New returns a [Verifier] with the keys to trust, the seen-id store and
// optional settings. It reports mistakes together, not one at a time, in an
// error that wraps [ErrMisconfigured].
func New(keys KeySource, seen SeenStore, config *Config) (*Verifier, error) {
	cfg, facts, mistakes := config.withDefaults()
	v := &Verifier{cfg: cfg, scheme: cfg.Scheme, keys: keys, name: cfg.Scheme.Name(), stamping: cfg.Scheme.Stamping(), facts: facts}
	v.scope = slices.Clip(appendField(appendField(nil, "hookonce/1"), v.name))

	owner := v.name + " of every source"
	static, ok := keys.(*Keys)
	switch {
	case isNil(keys):
		mistakes = append(mistakes, errors.New("the keys are nil: pass core.Secrets(...) or a KeySource"))
	case ok && facts.Mistake == nil:
		ring, err := static.ringFor(v)
		if err != nil {
			mistakes = append(mistakes, err)
		}
		v.static = ring
		owner = v.name + " of source \"" + static.source + "\""
	}

	stamping := cfg.stamping()
	v.claims = claims{
		protocol: protocol{
			past: ceilMilli(cfg.Past), future: ceilMilli(cfg.Future), skew: ceilMilli(cfg.Skew),
			lease: min(ceilMilli(cfg.Lease), shortLease.Milliseconds()), hold: ceilMilli(cfg.Lease),
			remember: ceilMilli(cfg.Remember), visit: ceilMilli(cfg.StoreTimeout),
			reruns:      uint8(cfg.Reruns),   //nolint:gosec // bounded by maxReruns
			repeats:     uint32(cfg.Repeats), //nolint:gosec // bounded by maxRepeats
			eachAttempt: stamping == StampedEachAttempt,
		},
		store: seen, timeout: cfg.StoreTimeout, running: new(running),
	}
	if config != nil {
		v.claims.clock.configured = config.Clock
	}
	if isNil(seen) {
		mistakes = append(mistakes, errors.New("the seen-id store is nil: pass memstore.New(), or a shared one in production"))
	} else if f, ok := seen.(forgetter); ok && f.Forgets() {
		v.forgets = true
		start := v.claims.clock.now()
		v.claims.since = func() time.Time { return start.real }
		v.claims.learned.Store(&start)
		if stamping == NotStamped && facts.Mistake == nil && !cfg.DangerouslyReplayableAfterRestart {
			mistakes = append(mistakes, errForgetsUntimed)
		}
	} else if k, ok := seen.(knower); ok {
		v.claims.since = k.KnownSince
	}
	v.scoper, _ = seen.(scoper)
	if b, ok := seen.(binder); ok && len(mistakes) == 0 {
		if err := b.Bind(owner); err != nil {
			mistakes = append(mistakes, err)
		}
	}
	if err := errors.Join(mistakes...); err != nil {
		return nil, &Error{Reason: ErrMisconfigured, Err: err}
	}
	return v, nil
}

// Must returns v, or panics if err is not nil. Use it in main and for package
// variables: core.Must(core.New(...)).
func Must(v *Verifier, err error) *Verifier {
	if err != nil {
		panic(err)
	}
	return v
}

// ceilMilli rounds up to milliseconds: a protection may last longer than
// configured, but never shorter.
func ceilMilli(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}

// Message is a verified message. The body and the strings remain valid after
// the handler returns. The body must not be changed.
type Message struct {
	// ID is the message id, the same for all attempts. It is empty if the
	// message has none.
	ID string
	// Timestamp is the signed time of the attempt, or of the message if the
	// scheme signs the time once. It is zero if no time is signed.
	Timestamp time.Time
	// Body is the body exactly as it was received.
	Body []byte
	// IDSigned says that the signature covers ID. If not, use ID only in logs.
	IDSigned bool
	// BodySigned says that the signature covers every byte of Body.
	BodySigned bool
	// Replayable says that no signed field identifies the message (see
	// [NotIdentified]). It may be a retry or a replay.
	Replayable bool
	// Scheme, Source and KeyID name the scheme, the source of the keys, and the
	// key that verified the message.
	Scheme, Source, KeyID string
	// Generation grows with each admission of the message. Use it as a fencing
	// token for effects in other systems. It is zero for a scheme that does not
	// identify messages, and after [Verifier.Verify].
	Generation uint32
	// Repeats is how many messages with the same signed content were admitted
	// before. If the sender uses the response, each further run of the handler
	// for a message counts as one more. It is above zero only where
	// [Config.Repeats] applies. If it is above zero, either the sender repeats
	// itself, or an attacker captured a request. Repeats is at most 16,382. It
	// is zero after [Verifier.Verify].
	Repeats uint32
}

// Verify checks the headers, timestamp and signature of a request whose body
// has been read. It claims nothing, so it does not detect replays. Message.Body
// is r.Body. For a Standard Webhooks v1 message and static keys it does not
// allocate.
//
// The error is an [*Error]; errors.Is finds its [Reason]. nethttp.Verify takes
// an *http.Request.
func (v *Verifier) Verify(ctx context.Context, r *Request) (Message, error) {
	return v.ReadAndVerify(ctx, r, nil)
}

// ReadAndVerify is like [Verifier.Verify], for a request whose body has not
// been read yet. It does not read the body if the headers are refused or the
// key source fails. A nil body means r.Body.
func (v *Verifier) ReadAndVerify(ctx context.Context, r *Request, body BodyReader) (Message, error) {
	in := inputOf(r, body)
	in.timeout, in.bodyRead = v.cfg.BodyTimeout, body == nil
	var m Message
	if err := v.verify(ctx, &in, &m); err != nil {
		return Message{}, err
	}
	return m, nil
}

// input is a request on its way through [Verifier.check].
type input struct {
	r        *Request // has a Header
	given    *Request // the caller's, which gets the body; r, if that has a Header
	body     BodyReader
	timeout  time.Duration // of reading body
	bodyRead bool          // as far as possible, or by the caller
	keys     *found        // nil: to be looked up
	watch    *watch        // nil if there is no observer
}

// found is the result of an earlier key lookup.
type found struct {
	lookup

	err error
}

// inputOf returns the input for r. It never writes to r, because another
// goroutine may use it.
func inputOf(r *Request, body BodyReader) input {
	in := input{r: r, given: r, body: body}
	if r.Header == nil {
		without := *r
		without.Header, in.r = http.Header(nil), &without
	}
	return in
}

func (in *input) readBody(limit int64) (err error) {
	in.bodyRead = true
	in.r.Body, err = in.body.ReadBody(limit, in.timeout)
	if in.given != in.r {
		in.given.Body = in.r.Body
	}
	return err
}

// verify fills m if the request is valid.
func (v *Verifier) verify(ctx context.Context, in *input, m *Message) error {
	a := newAttempt()
	defer a.release()
	arrived := v.cfg.Clock()
	if err := v.readHeader(in.r, a, arrived); err != nil {
		return err
	}
	_, _, err := v.check(ctx, in, a, arrived, m)
	return err
}

// check runs the steps after the headers. arrived is when the headers were
// checked. check returns the key that matched, and the moment at which it
// checked the tolerance again. It skips that check if no step can take long:
// the keys are static and fetch nothing, and the body was read before. Then the
// moment is zero.
func (v *Verifier) check(ctx context.Context, in *input, a *Attempt, arrived time.Time, m *Message) (VerifyKey, moment, error) {
	r := in.r
	// 3. Keys.
	in.watch.lap(waiting)
	var k lookup
	var err error
	if in.keys != nil {
		k, err = in.keys.lookup, in.keys.err
	} else {
		k, err = v.lookUp(ctx, r)
	}
	in.watch.lap(lookingUp)
	m.Source = k.source
	if err != nil {
		return nil, moment{}, err
	}
	// 4. Body.
	wasRead := in.bodyRead
	if !wasRead {
		err = in.readBody(v.cfg.MaxBody)
		in.watch.lap(reading)
		if err != nil {
			return nil, moment{}, refuse(ErrMalformed, "the body could not be read to its end", err)
		}
	}
	if int64(len(r.Body)) > v.cfg.MaxBody {
		return nil, moment{}, refuse(ErrBodyTooLarge, "the body exceeds Config.MaxBody", nil)
	}
	if k.unasked {
		return nil, moment{}, k.err
	}
	// 5. Parts in the body, and 6. signature.
	key, err := v.checkSigned(ctx, r, a, &k, arrived, m)
	in.watch.lap(checking)
	if err != nil {
		return nil, moment{}, err
	}
	// 2. again, because the body and the keys may have taken long. An attempt that is claimed long
	//    after its window was checked could outlive its record.
	if wasRead && v.static != nil && !v.facts.Fetches {
		return key, moment{}, nil
	}
	now := v.claims.clock.now()
	return key, now, v.checkWindow(a, now.at)
}

// attempts pools Attempts, so verification does not allocate.
var attempts = sync.Pool{New: func() any { return new(Attempt) }} //nolint:gochecknoglobals // a pool is no state

func newAttempt() *Attempt {
	a, _ := attempts.Get().(*Attempt)
	return a
}

func (a *Attempt) release() {
	a.reset()
	attempts.Put(a)
}

// Forgets reports whether the seen-id store loses its records when the program
// restarts. If several processes share a port, none of them may use such a
// store.
func (v *Verifier) Forgets() bool { return v.forgets }

// readHeader is the first step. It refuses what it can before the key lookup
// and the read of the body.
func (v *Verifier) readHeader(r *Request, a *Attempt, now time.Time) error {
	if err := v.scheme.ReadHeader(r, a); err != nil {
		return refuse(ErrMalformed, "", err)
	}
	return v.checkParts(a, now)
}

// checkParts checks the ids and the timestamp, as far as they are known.
func (v *Verifier) checkParts(a *Attempt, now time.Time) error {
	if err := checkID("the message id", a.ID); err != nil {
		return err
	}
	for _, value := range a.Unsigned {
		if err := checkID("an unsigned delivery id or topic", value); err != nil {
			return err
		}
	}
	return v.checkWindow(a, now)
}

// checkWindow checks the tolerance. It is called again before the claim,
// because an attempt may expire between its arrival and the claim.
func (v *Verifier) checkWindow(a *Attempt, now time.Time) error {
	if !a.Expires.IsZero() && now.After(a.Expires) {
		return refuse(ErrOutsideWindow, "the signature has expired: the attempt is late or was re-sent, or our clock is ahead of the sender's", nil)
	}
	if a.Timestamp.IsZero() {
		return nil
	}
	age := now.Sub(a.Timestamp) // Sub saturates, so a huge age stays huge
	if age > v.cfg.Past {
		return refuse(ErrOutsideWindow, "the timestamp is too old: the attempt is late or was re-sent, or our clock is ahead of the sender's", nil)
	}
	if age < -v.cfg.Future {
		return refuse(ErrOutsideWindow, "the timestamp is too far in the future: its unit is wrong, such as milliseconds, or our clock is behind the sender's", nil)
	}
	return nil
}

// checkID accepts at most 256 printable ASCII characters. what names the id.
func checkID(what, id string) error {
	if len(id) > maxIDBytes {
		return refuse(ErrMalformed, what+" is longer than 256 bytes", nil)
	}
	for i := range len(id) {
		if c := id[i]; c <= ' ' || c > '~' {
			return refuse(ErrMalformed, what+" must be printable ASCII without spaces (see byte "+strconv.Itoa(i+1)+")", nil)
		}
	}
	return nil
}

// lookup is the result of a key lookup: whose keys apply.
type lookup struct {
	source string
	ring   *keyring
	err    error // the source is unknown: ring is a decoy

	unasked bool // the keys must not be used
}

func (v *Verifier) lookUp(ctx context.Context, r *Request) (lookup, error) {
	return v.ringOf(v.keysFor(ctx, r))
}

// keysFor returns the static keys, or calls the key source.
func (v *Verifier) keysFor(ctx context.Context, r *Request) (source string, keys *Keys, err error) {
	if static, ok := v.keys.(*Keys); ok {
		return static.source, static, nil
	}
	return v.ask(ctx, r)
}

// ringOf decodes the result of keysFor.
func (v *Verifier) ringOf(source string, keys *Keys, err error) (lookup, error) {
	if v.static != nil {
		return lookup{source: source, ring: v.static}, nil
	}
	switch {
	case errors.Is(err, ErrUnknownSource), err == nil && keys == nil:
		return lookup{ring: v.decoy.Load(), err: refuse(ErrUnknownSource, "the key source has no keys for this request", err)}, nil
	case err != nil:
		return lookup{}, &Error{Reason: ErrKeysUnavailable, Detail: "the key source failed, and nothing can be verified until it works again", Err: err}
	case source == "":
		return lookup{}, refuse(ErrMisconfigured, "the key source returned keys without a source name. Name the tenant or endpoint, or one tenant could "+
			"use up another tenant's ids", nil)
	}
	ring, err := keys.ringFor(v)
	if err != nil {
		return lookup{}, &Error{Reason: ErrMisconfigured, Detail: "the keys of source \"" + source + "\" are not valid", Err: err}
	}
	if v.decoy.Load() != ring { // avoid contended writes
		v.decoy.Store(ring)
	}
	return lookup{source: source, ring: ring}, nil
}

// checkSigned makes the checks that need the body, and fills m if the signature
// is valid. arrived is when the headers were checked. Keys must be valid at
// arrived, because the sender signed earlier.
func (v *Verifier) checkSigned(ctx context.Context, r *Request, a *Attempt, k *lookup, arrived time.Time, m *Message) (VerifyKey, error) {
	id, stamp, expires := a.ID, a.Timestamp, a.Expires
	if err := v.scheme.ReadBody(r, a); err != nil {
		return nil, refuse(ErrMalformed, "", err)
	}
	if a.ID != id || a.Timestamp != stamp || a.Expires != expires || len(a.Unsigned) > 0 { // they came from the body, which may have arrived slowly
		if err := v.checkParts(a, v.cfg.Clock()); err != nil {
			return nil, err
		}
	}
	if (v.stamping == StampedOnce || v.stamping == StampedEachAttempt) && a.Timestamp.IsZero() {
		return nil, refuse(ErrMalformed, "the scheme signs a timestamp, but this message has none", nil)
	}
	matched, err := k.match(ctx, a, arrived)
	if err != nil {
		if a.Unmatched != nil && !errors.Is(err, ErrKeysUnavailable) {
			// Only the text: errors.Is must not find a reason in it that the sender must not see.
			err = &Error{Reason: ErrKeysUnavailable, Detail: "the signature could not be checked", Err: fmt.Errorf("%w (%s)", a.Unmatched, err.Error())}
		}
		return nil, err
	}
	k.ring.matched(matched)
	match := &k.ring.keys[matched]
	m.ID, m.IDSigned, m.Timestamp = a.ID, a.IDSigned, a.Timestamp
	m.Body, m.BodySigned = r.Body, a.BodySigned
	m.Scheme, m.Source, m.KeyID = v.name, k.source, match.id
	m.Replayable = v.stamping == NotIdentified
	return match.key, nil
}

// match returns the index of the key that verifies the message.
func (k *lookup) match(ctx context.Context, a *Attempt, arrived time.Time) (int, error) {
	switch {
	case k.ring == nil:
		_, _ = a.Content.WriteTo(sha256.New()) // an unknown source before any known source: do about the same work
		return -1, k.err
	case k.err != nil:
		_, _ = k.ring.match(ended, a, arrived) //nolint:contextcheck // so that nothing is fetched
		return -1, k.err
	}
	matched, err := k.ring.match(ctx, a, arrived)
	if err != nil {
		return -1, refuse(ErrKeysUnavailable, "the signature could not be checked", err)
	}
	if matched < 0 {
		detail := "no signature matches these bytes under a configured key: the secret is a different one, or something that is signed was changed on the way, such as the body"
		if a.Hint != "" {
			detail += "; " + a.Hint
		}
		return -1, refuse(ErrNoMatch, detail, nil)
	}
	return matched, nil
}

// ended is the context for decoy keys, so they fetch nothing.
var ended = func() context.Context { //nolint:gochecknoglobals // a constant
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// Forget makes the handler run for the next attempt of a message that was
// handled. It is for an operator who knows that the effect of the first
// handling is lost. The sender must send the message again. source is "" for
// [Secrets] without a source name (see [Keys.From]).
//
// Forget works only for messages whose id is signed. See [Verifier.ForgetKey]
// for other messages. The error is an [*Error] if the store failed. Any other
// error says why nothing was forgotten.
func (v *Verifier) Forget(ctx context.Context, source, id string) error {
	key, err := v.keyOf(source, id)
	if err != nil {
		return err
	}
	return v.claims.forget(ctx, key)
}

// ForgetKey is like [Verifier.Forget], but takes the key of the record, so it
// also works for messages whose id is not signed. The key is [Event.Key], which
// [SlogObserver] logs as "key" if no id is signed. [Key.UnmarshalText] parses
// the logged text. Forgetting a message keeps the count of its content (see
// [Config.Repeats]). With the key of the count itself, as logged with
// [ErrRepeated], ForgetKey restarts the count. Errors are as for Forget.
func (v *Verifier) ForgetKey(ctx context.Context, key Key) error {
	return v.claims.forget(ctx, key)
}
