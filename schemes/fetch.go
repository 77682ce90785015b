package schemes

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookonce/hookonce/core"
)

// Some senders name the signing key in the message, and the key must be fetched
// before anything is verified. Anyone who can reach the endpoint can name a
// key. So this file checks URLs before fetching them, and limits the time, size
// and number of fetches.
const (
	fetchTimeout   = 5 * time.Second
	maxFetched     = 64 << 10
	maxCached      = 1024
	maxFresh       = 24 * time.Hour
	keepFailure    = 5 * time.Second // without this, an outage would cost one fetch per message
	keepStale      = time.Minute     // after a failed refresh, while an older value is still in use
	fetchesAMinute = 30              // per source, for each of its two budgets
	namedAMinute   = 25              // must be less than fetchesAMinute: see fetches
	maxProven      = 256
)

// seams are replaced in tests.
type seams struct {
	roots *x509.CertPool   // nil: the system's roots
	now   func() time.Time // nil: time.Now
}

func (s seams) clock() func() time.Time {
	if s.now != nil {
		return s.now
	}
	return time.Now //nolint:forbidigo // a Scheme has no clock; what is fetched expires in real time
}

// fetchClient returns a copy of client that follows no redirects, since a
// redirect would lead to an unchecked URL. If client is nil, fetchClient
// returns a new client with our own limits.
func fetchClient(client *http.Client) *http.Client {
	var c http.Client
	if client != nil {
		c = *client
	} else {
		c.Transport = &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: fetchTimeout}).DialContext,
			TLSHandshakeTimeout:    fetchTimeout,
			ResponseHeaderTimeout:  fetchTimeout,
			MaxResponseHeaderBytes: 16 << 10,
			MaxIdleConnsPerHost:    1,
			IdleConnTimeout:        30 * time.Second,
			ForceAttemptHTTP2:      true,
		}
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &c
}

// fetched is a response with any status, and its body.
type fetched struct {
	status int
	header http.Header
	body   []byte
}

func fetch(client *http.Client, req *http.Request) (fetched, error) {
	res, err := client.Do(req)
	if err != nil {
		var whole *url.Error // its text contains the whole URL, and the query may be secret
		if errors.As(err, &whole) {
			err = whole.Err
		}
		return fetched{}, fmt.Errorf("the request to %s failed: does a firewall block this program's requests? %w", req.URL.Host, err)
	}
	defer func() { _ = res.Body.Close() }() // only read from, so an error from Close loses nothing
	// Read one byte more than allowed, to distinguish a response that is too long from one that
	// just fits.
	body, err := io.ReadAll(io.LimitReader(res.Body, maxFetched+1))
	switch {
	case err != nil:
		return fetched{}, fmt.Errorf("the response from %s ended before it was complete: %w", req.URL.Host, err)
	case len(body) > maxFetched:
		return fetched{}, fmt.Errorf("the response from %s has more than %d bytes, which is the limit", req.URL.Host, maxFetched)
	}
	return fetched{res.StatusCode, res.Header, body}, nil
}

// get fetches a URL that was checked. An error is temporary: a later fetch may
// succeed. A host that has nothing at the URL says so with a status, which get
// does not report as an error.
func get(ctx context.Context, client *http.Client, address string) (fetched, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return fetched{}, errors.New("the URL is not valid")
	}
	f, err := fetch(client, req)
	// These statuses are facts about the URL. Any other status may mean an outage, which must not
	// count as "no such key".
	if err == nil && !slices.Contains([]int{http.StatusOK, http.StatusBadRequest, http.StatusNotFound, http.StatusGone}, f.status) {
		err = fmt.Errorf("%s responded with status %d", req.URL.Host, f.status)
	}
	return f, err
}

// getOK is get for a URL where something must be. Any status except 200 is an
// error.
func getOK(ctx context.Context, client *http.Client, address string) (fetched, error) {
	f, err := get(ctx, client, address)
	if err == nil && f.status != http.StatusOK {
		err = fmt.Errorf("the server responded with status %d", f.status)
	}
	return f, err
}

// fetches limits how many fetches per minute unauthenticated requests can
// cause. Each source, a key as configured, has its own budget. So an attack on
// one source does not affect another. A URL whose key has verified a message is
// proven, and its fetches count against a second budget, the reserve. Names of
// keys that do not exist cannot use up the reserve.
//
// A refusal must not reveal which sources exist. So fetches also counts the
// URLs that messages name, for known and unknown sources alike, separately from
// the fetches themselves. That count reaches its limit before any budget is
// used up.
type fetches struct {
	now func() time.Time

	mu     sync.Mutex
	minute time.Time            // start of the current minute
	count  int                  // URLs named in this minute
	named  map[string]time.Time // when each URL was last counted
	spent  map[spending]int
	proven map[string]time.Time // since when each URL is proven; at most maxProven entries, the oldest is evicted first
}

// spending is one of the two budgets of a source.
type spending struct {
	source string
	proven bool
}

func newFetches(now func() time.Time) *fetches {
	return &fetches{now: now, named: map[string]time.Time{}, spent: map[spending]int{}, proven: map[string]time.Time{}}
}

// turn resets the counts if a minute has passed, and returns the current time.
// The caller holds the lock. A clock that was set back also starts a new
// minute, because otherwise the counts could stay full for hours.
func (f *fetches) turn() time.Time {
	now := f.now()
	if since := now.Sub(f.minute); since < 0 || since >= time.Minute {
		f.minute, f.count = now, 0
		clear(f.named)
		clear(f.spent)
	}
	return now
}

// name counts an unproven URL that a message names. It counts the same URL
// again only after keepFailure, since before that the cache responds and
// nothing is fetched. The error is for [core.Attempt].Unmatched.
func (f *fetches) name(address string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.turn()
	if _, ok := f.proven[address]; ok {
		return nil
	}
	if f.count < namedAMinute {
		if last, ok := f.named[address]; !ok || now.Sub(last) >= keepFailure {
			// The URL is part of the request. A clone does not keep the rest of the request in
			// memory.
			f.named[strings.Clone(address)] = now
			f.count++
		}
		return nil
	}
	return fmt.Errorf("within a minute, messages named %d or more keys that have not verified a message yet. Somebody may be sending messages with "+
		"invented key names. Messages whose key has verified an earlier message are still handled", namedAMinute)
}

// spend takes one fetch from a source's budget, or from its reserve if the URL
// is proven.
func (f *fetches) spend(source, address string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.turn()
	_, proven := f.proven[address]
	budget := spending{source, proven}
	if f.spent[budget] >= fetchesAMinute {
		return fmt.Errorf("messages for one configured key would cause more than %d key fetches within a minute: somebody may be sending messages that name keys that do not exist", fetchesAMinute)
	}
	f.spent[budget]++
	return nil
}

// prove marks a URL as proven, after a signature verified with its key.
func (f *fetches) prove(address string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	// Refreshing the time once an hour is enough to keep a busy URL from becoming the oldest.
	if since, ok := f.proven[address]; ok && now.Sub(since) < time.Hour {
		return
	}
	// As in name: do not keep the request in memory.
	f.proven[strings.Clone(address)] = now
	if len(f.proven) <= maxProven {
		return
	}
	// This is a linear search of at most 257 entries, and only when a URL is new or an hour old.
	oldest := address
	for a, at := range f.proven {
		if at.Before(f.proven[oldest]) {
			oldest = a
		}
	}
	// An evicted URL only becomes unproven: its next message counts against the usual budget.
	delete(f.proven, oldest)
}

// cache keeps fetched values, and keeps failures for keepFailure. Concurrent
// loads of one key share a single fetch. The zero value with a clock is ready
// for use.
type cache[T any] struct {
	now func() time.Time

	mu      sync.Mutex
	entries map[string]*cached[T]
}

type cached[T any] struct {
	taken atomic.Bool   // a caller is filling the entry
	done  chan struct{} // closed once value and err are final
	value T
	err   error

	old       *cached[T] // the previous entry: used while this one loads, and if it fails
	ready     bool       // done is closed; guarded by cache.mu, like the fields below
	at, until time.Time  // when the value was loaded, and when it expires
	again     time.Time  // set if a refresh failed: the earliest time of the next attempt
}

// loading defines how a cache loads a missing value. load also returns the time
// until which the value may be used. spend may be nil. If spend returns an
// error, the value is not loaded.
type loading[T any] struct {
	spend func() error
	load  func(ctx context.Context) (T, time.Time, error)
}

// held returns the value of key if it is younger than age. It does not wait:
// during a load it returns the previous value. If the previous refresh failed,
// held ignores the age of the previous value until the load ends.
func (c *cache[T]) held(key string, age time.Duration) (value T, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[key]
	loading := e != nil && !e.ready
	if loading {
		e = e.old
	}
	now := c.now()
	if e == nil || e.err != nil || !now.Before(e.until) || now.Sub(e.at) >= age && (!loading || e.again.IsZero()) {
		return value, false
	}
	return e.value, true
}

// get returns the value of key, and loads it if necessary. If the context has
// ended, get returns a cached value or the context's error.
func (c *cache[T]) get(ctx context.Context, key string, l loading[T]) (T, error) {
	return c.younger(ctx, key, maxFresh, l)
}

// younger is get for a value that must be younger than age: it reloads an older
// value. If that fails, the old value stays in use until it expires, and
// younger tries again after keepStale.
func (c *cache[T]) younger(ctx context.Context, key string, age time.Duration, l loading[T]) (T, error) {
	var none T
	ended := ctx.Err()
	e, err := c.entry(ended, key, age, l.spend)
	if err != nil {
		return none, err
	}
	// The first caller fills the entry, and the others wait for it.
	if ended == nil && e.taken.CompareAndSwap(false, true) {
		c.fill(ctx, e, l.load)
		return e.value, e.err
	}
	select {
	case <-e.done:
		return e.value, e.err
	default:
	}
	select {
	case <-e.done:
		return e.value, e.err
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// entry returns the current entry of key, or inserts an empty one for the first
// caller to fill. It inserts nothing if ended is not nil.
func (c *cache[T]) entry(ended error, key string, age time.Duration, spend func() error) (*cached[T], error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	old := c.entries[key]
	if old != nil && old.ready && !now.Before(old.until) {
		old = nil
	}
	// Use the old entry if it is loading, failed recently, is young enough, or could not be
	// refreshed a short time ago.
	if old != nil && (!old.ready || old.err != nil || now.Sub(old.at) < age || now.Before(old.again)) {
		return old, nil
	}
	err := ended
	if err == nil && spend != nil {
		err = spend()
	}
	if err != nil {
		if old != nil {
			return old, nil
		}
		return nil, err
	}
	// Delete first, so that replacing an entry in a full cache evicts no other entry.
	delete(c.entries, key)
	if len(c.entries) >= maxCached && !c.evict(now) {
		return nil, fmt.Errorf("%d keys are already being fetched, which is the limit", maxCached)
	}
	if c.entries == nil {
		c.entries = make(map[string]*cached[T])
	}
	// Store the entry before loading, so concurrent callers find it and wait.
	e := &cached[T]{done: make(chan struct{}), old: old}
	c.entries[strings.Clone(key)] = e
	return e, nil
}

// evict makes room for one entry. It evicts a failure or, if there is none, the
// value that expires soonest. It returns false if every entry is still loading.
func (c *cache[T]) evict(now time.Time) bool {
	victim, least := "", time.Time{}
	// This is a full scan, but happens only if 1,024 entries are in use at once.
	for key, e := range c.entries {
		// Never evict an entry that is loading: later callers could not share its fetch.
		if !e.ready {
			continue
		}
		until := e.until
		if e.err != nil {
			until = now
		}
		if victim == "" || until.Before(least) {
			victim, least = key, until
		}
	}
	delete(c.entries, victim)
	return victim != ""
}

// fill loads a value for every waiting caller. So it does not stop when the
// first caller's request is canceled, but only after fetchTimeout.
func (c *cache[T]) fill(ctx context.Context, e *cached[T], load func(ctx context.Context) (T, time.Time, error)) {
	var until time.Time
	e.err = errors.New("the fetch panicked") // stays if load panics: the waiting callers must not see a nil error with no value
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		now, old := c.now(), e.old
		e.ready, e.at, e.until, e.old = true, now, until, nil
		switch {
		// A failed refresh must not take away a value that is still valid.
		case e.err != nil && old != nil:
			e.value, e.err, e.at, e.until, e.again = old.value, nil, old.at, old.until, now.Add(keepStale)
		case e.err != nil:
			e.until = now.Add(keepFailure)
		}
		close(e.done)
	}()
	// Keep the context's values, such as those for tracing, but not its cancellation.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
	defer cancel()
	e.value, until, e.err = load(ctx)
}

// noMatch returns the error for something that was read and is not trusted.
// Something that could not be read is a different error, which may be
// temporary.
func noMatch(format string, args ...any) error {
	return &core.Error{Reason: core.ErrNoMatch, Detail: fmt.Sprintf(format, args...)}
}

// plainHTTPS parses a URL that no two parsers can read differently: https, a
// lower-case host without a port, no user, no fragment and no escapes in the
// path. Only the canonical spelling is accepted, so each URL has only one cache
// entry.
func plainHTTPS(text string) (*url.URL, bool) {
	// This text comes from a message, so limit its length before parsing.
	if len(text) > 2048 {
		return nil, false
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Opaque != "" || u.User != nil || u.Fragment != "" || u.ForceQuery || u.RawPath != "" || u.String() != text {
		return nil, false
	}
	// This rejects ports, IPv6 addresses and internationalized names.
	for _, c := range u.Host {
		if c != '.' && c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return nil, false
		}
	}
	return u, u.Host != ""
}

// certificates fetches senders' signing certificates, and trusts the ones that
// chain to a trusted root.
type certificates struct {
	client  *http.Client
	roots   *x509.CertPool
	cache   cache[*rsa.PublicKey]
	fetches *fetches
}

func newCertificates(client *http.Client, s seams) *certificates {
	return &certificates{client: client, roots: s.roots, cache: cache[*rsa.PublicKey]{now: s.clock()}, fetches: newFetches(s.clock())}
}

// verify verifies a signature with the key of the certificate at address, a URL
// that was checked. named reports whether a name in the certificate belongs to
// the sender. The cache keeps the result under address alone, so named may
// depend only on address. The parameter verify receives the key.
func (c *certificates) verify(
	ctx context.Context, source, address string, named func(name string) bool, verify func(*rsa.PublicKey) (bool, error),
) (bool, error) {
	public, err := c.cache.get(ctx, address, loading[*rsa.PublicKey]{
		spend: func() error { return c.fetches.spend(source, address) },
		load: func(ctx context.Context) (*rsa.PublicKey, time.Time, error) {
			f, err := get(ctx, c.client, address)
			if err != nil {
				return nil, time.Time{}, fmt.Errorf("fetching the sender's certificate: %w", err)
			}
			if f.status != http.StatusOK {
				return nil, time.Time{}, noMatch("no certificate was found at %s", address)
			}
			chain, err := parseCertificates(f.body)
			if err != nil {
				return nil, time.Time{}, fmt.Errorf("%s did not return a usable certificate, or a proxy responded instead: %w", address, err)
			}
			return c.trust(ctx, address, chain, named)
		},
	})
	if err != nil {
		return false, err
	}
	ok, err := verify(public)
	if ok {
		c.fetches.prove(address)
	}
	return ok, err
}

func (c *certificates) trust(ctx context.Context, address string, chain []*x509.Certificate, named func(string) bool) (*rsa.PublicKey, time.Time, error) {
	leaf, now := chain[0], c.cache.now()
	fail := func(err error) (*rsa.PublicKey, time.Time, error) { return nil, time.Time{}, err }
	// Check the dates and names before the chain: they need no fetch and give the clearer error.
	if now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
		return fail(noMatch("the certificate at %s is not valid now, only from %s to %s: is our clock right?",
			address, leaf.NotBefore.Format(time.RFC3339), leaf.NotAfter.Format(time.RFC3339)))
	}
	names := leaf.DNSNames
	if len(names) == 0 {
		// An older certificate may have no subject alternative names. Then use its common name.
		names = []string{leaf.Subject.CommonName}
	}
	found := false
	for _, n := range names {
		found = found || named(strings.ToLower(n))
	}
	if !found {
		return fail(noMatch("the certificate at %s is not the sender's: it is for %.200q", address, names))
	}
	public, ok := leaf.PublicKey.(*rsa.PublicKey)
	if !ok {
		return fail(noMatch("the certificate at %s has no RSA key", address))
	}
	// Senders omit intermediate certificates. Fetch a missing one from the URL in the certificate,
	// at most three times. The depth is limited because each step costs one fetch and each
	// certificate comes from the network.
	options := x509.VerifyOptions{
		// Signing certificates need not be for TLS servers, so accept any key usage.
		Roots: c.roots, Intermediates: x509.NewCertPool(), CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}
	for _, between := range chain[1:] {
		options.Intermediates.AddCert(between)
	}
	last := chain[len(chain)-1]
	_, err := leaf.Verify(options)
	for range 3 {
		var unknown x509.UnknownAuthorityError
		if err == nil || !errors.As(err, &unknown) {
			break
		}
		issuer, missing := c.issuer(ctx, last)
		if missing != nil {
			return fail(missing)
		}
		if issuer == nil {
			break
		}
		options.Intermediates.AddCert(issuer)
		// Next, fetch the issuer of this certificate.
		last = issuer
		_, err = leaf.Verify(options)
	}
	if err != nil {
		return fail(noMatch("the certificate at %s does not verify against this machine's root certificates: are they up to date? %v", address, err))
	}
	// Never trust the cached key after its certificate expires.
	until := now.Add(maxFresh)
	if leaf.NotAfter.Before(until) {
		until = leaf.NotAfter
	}
	return public, until, nil
}

// issuer fetches the certificate of cert's issuer from the URL in cert. It
// returns nil if cert has no usable URL. Plain HTTP is safe, because the
// certificate is trusted only if it chains to a root.
func (c *certificates) issuer(ctx context.Context, cert *x509.Certificate) (*x509.Certificate, error) {
	for _, address := range cert.IssuingCertificateURL {
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.Port() != "" || !strings.Contains(u.Host, ".") {
			continue
		}
		// The certificate with this URL is not trusted yet, and an IP address could lead into a
		// private network. So could a host without a dot, which the condition above excludes.
		if _, err := netip.ParseAddr(u.Hostname()); err == nil {
			continue
		}
		f, err := getOK(ctx, c.client, address)
		if err != nil {
			return nil, fmt.Errorf("fetching the issuer of the sender's certificate from %.200q: %w", address, err)
		}
		issuer, err := parseCertificates(f.body)
		if err != nil {
			return nil, fmt.Errorf("%.200q did not return a usable certificate: %w", address, err)
		}
		return issuer[0], nil
	}
	return nil, nil //nolint:nilnil // a missing issuer is not an error: the chain ends here
}

// verifyRSA verifies with a fetched key. A key that is too weak is a mismatch,
// not a failure of the key source.
func verifyRSA(ctx context.Context, label string, enc core.Encoding, public *rsa.PublicKey, h crypto.Hash, a *core.Attempt) (bool, error) {
	key, err := newRSAKey(label, enc, public, h, false)
	if err != nil {
		return false, noMatch("the message's signing key cannot be used: %v", err)
	}
	return key.Verify(ctx, a)
}

// parseCertificates reads up to 8 certificates in PEM, or one in DER.
func parseCertificates(text []byte) ([]*x509.Certificate, error) {
	if !bytes.Contains(text, []byte("-----BEGIN ")) {
		cert, err := x509.ParseCertificate(text)
		if err != nil {
			return nil, errors.New("the response is not a certificate in PEM or DER")
		}
		return []*x509.Certificate{cert}, nil
	}
	var chain []*x509.Certificate
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		// A file may also hold keys or parameters.
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, errors.New("the response has a certificate that cannot be read")
		}
		// A real chain has at most four certificates, and checking each one takes time.
		if chain = append(chain, cert); len(chain) > 8 {
			return nil, errors.New("the response has more than 8 certificates")
		}
	}
	if len(chain) == 0 {
		return nil, errors.New("the response has no certificate")
	}
	return chain, nil
}
