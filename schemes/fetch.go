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

// Some senders name the signing key in the message, and it must be fetched
// before anything is verified. Anyone who can reach the endpoint can name a
// key. So this file checks addresses before it fetches, and bounds fetches in
// time, size and number.
const (
	fetchTimeout   = 5 * time.Second
	maxFetched     = 64 << 10
	maxCached      = 1024
	maxFresh       = 24 * time.Hour
	keepFailure    = 5 * time.Second // or an outage would cost one fetch per message
	keepStale      = time.Minute     // after a failed refresh, while an older value is still in use
	fetchesAMinute = 30              // per source and minute, for each of its two budgets
	namedAMinute   = 25              // must be less than fetchesAMinute: see fetches
	maxProven      = 256
)

// seams are replaced in tests.
type seams struct {
	roots *x509.CertPool   // nil: the roots of the system
	now   func() time.Time // nil: time.Now
}

func (s seams) clock() func() time.Time {
	if s.now != nil {
		return s.now
	}
	return time.Now //nolint:forbidigo // a Scheme has no clock; expiry of what is fetched runs on real time
}

// fetchClient returns a copy of client that follows no redirects. A redirect
// would lead to an address that nobody checked. If client is nil, it returns a
// new client with our own limits.
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
		var whole *url.Error // its text holds the whole address, and the query may be secret
		if errors.As(err, &whole) {
			err = whole.Err
		}
		return fetched{}, fmt.Errorf("%s cannot be reached: does a firewall block this program's requests to it? %w", req.URL.Host, err)
	}
	defer func() { _ = res.Body.Close() }() // only read from, so an error at Close loses nothing
	// Read one byte more than allowed, to tell a response that is too long from one that just fits.
	body, err := io.ReadAll(io.LimitReader(res.Body, maxFetched+1))
	switch {
	case err != nil:
		return fetched{}, fmt.Errorf("the response from %s ended before it was complete: %w", req.URL.Host, err)
	case len(body) > maxFetched:
		return fetched{}, fmt.Errorf("the response from %s has more than %d bytes", req.URL.Host, maxFetched)
	}
	return fetched{res.StatusCode, res.Header, body}, nil
}

// get fetches an address that was checked. An error means that the host cannot
// tell at the moment, and a later try may succeed. A host that has nothing at
// the address says so by a status, which is no error.
func get(ctx context.Context, client *http.Client, address string) (fetched, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return fetched{}, errors.New("this URL cannot be fetched")
	}
	f, err := fetch(client, req)
	// These statuses are facts about the address. Any other one may be an outage, which must not
	// count as "no such key".
	if err == nil && !slices.Contains([]int{http.StatusOK, http.StatusBadRequest, http.StatusNotFound, http.StatusGone}, f.status) {
		err = fmt.Errorf("%s responded with status %d", req.URL.Host, f.status)
	}
	return f, err
}

// fetches bounds how many fetches per minute unauthenticated requests can
// cause. Each source has a budget, where a source is a key as configured. So an
// attack on one source does not affect another. An address that verified a
// message before is proven, and counts against a second budget, the reserve.
// Names of keys that do not exist cannot spend the reserve.
//
// A refusal must not reveal which sources exist. So fetches also counts the
// addresses that messages name, for known and unknown sources alike, apart from
// the fetches themselves. That count reaches its limit before any budget does.
type fetches struct {
	now func() time.Time

	mu     sync.Mutex
	minute time.Time            // start of the minute that is being counted
	count  int                  // addresses named in this minute
	named  map[string]time.Time // the address, and when it was last counted
	spent  map[spending]int
	proven map[string]time.Time // the address, and since when; at most maxProven, the oldest goes first
}

// spending is one of the two budgets of a source.
type spending struct {
	source string
	proven bool
}

func newFetches(now func() time.Time) *fetches {
	return &fetches{now: now, named: map[string]time.Time{}, spent: map[spending]int{}, proven: map[string]time.Time{}}
}

// turn resets the counts if a minute has passed, and returns the time. The
// caller holds the lock. A clock that was set back also starts a new minute, or
// the counts could stay full for hours.
func (f *fetches) turn() time.Time {
	now := f.now()
	if since := now.Sub(f.minute); since < 0 || since >= time.Minute {
		f.minute, f.count = now, 0
		clear(f.named)
		clear(f.spent)
	}
	return now
}

// name counts an unproven address that a message names. It counts an address
// again only after keepFailure, since an earlier repetition comes from the
// cache and causes no fetch. The error is for [core.Attempt].Unmatched.
func (f *fetches) name(address string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.turn()
	if _, ok := f.proven[address]; ok {
		return nil
	}
	if f.count < namedAMinute {
		if last, ok := f.named[address]; !ok || now.Sub(last) >= keepFailure {
			// The address is part of the request. A clone does not keep the rest of the request
			// alive.
			f.named[strings.Clone(address)] = now
			f.count++
		}
		return nil
	}
	return fmt.Errorf("within a minute, messages named more than %d keys that have not verified a message yet. Somebody may be sending messages that "+
		"name keys that do not exist; genuine messages are still handled", namedAMinute)
}

// spend takes one fetch from the budget of a source: from the reserve if the
// address is proven.
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

// prove marks an address as proven, after a signature verified with its key.
func (f *fetches) prove(address string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	// Refreshing the time once an hour is enough to keep a busy address from being the oldest.
	if since, ok := f.proven[address]; ok && now.Sub(since) < time.Hour {
		return
	}
	// As in name: do not keep the request alive.
	f.proven[strings.Clone(address)] = now
	if len(f.proven) <= maxProven {
		return
	}
	// A linear search over at most 257 entries, and only when an address is new or an hour old.
	oldest := address
	for a, at := range f.proven {
		if at.Before(f.proven[oldest]) {
			oldest = a
		}
	}
	// An address that falls out is only unproven again: its next message counts against the usual
	// budget.
	delete(f.proven, oldest)
}

// cache keeps fetched values, and for keepFailure also failures. Concurrent
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
	ready     bool       // done is closed; guarded by cache.mu, as the fields below
	at, until time.Time  // when the value was loaded, and when it expires
	again     time.Time  // set if a refresh failed: the earliest time of the next try
}

// loading tells a cache how to load a missing value. load also returns until
// when the value may be used. spend may be nil; its error forbids the load.
type loading[T any] struct {
	spend func() error
	load  func(ctx context.Context) (T, time.Time, error)
}

// held returns the value under key if it is younger than age. It does not wait:
// during a load it returns the previous value. If the previous refresh failed,
// held ignores the age of that value until the load ends.
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

// get returns the value under key, and loads it if necessary. If the context
// has ended, it returns a cached value or the error of the context.
func (c *cache[T]) get(ctx context.Context, key string, l loading[T]) (T, error) {
	return c.younger(ctx, key, maxFresh, l)
}

// younger is get for a value that must be younger than age: it reloads an older
// one. If that fails, the old value stays in use until it expires, and the next
// try is keepStale later.
func (c *cache[T]) younger(ctx context.Context, key string, age time.Duration, l loading[T]) (T, error) {
	var none T
	ended := ctx.Err()
	e, err := c.entry(ended, key, age, l.spend)
	if err != nil {
		return none, err
	}
	// The first caller fills the entry, the others wait for it.
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

// entry returns the present entry of key, or inserts an empty one for the first
// caller to fill. It inserts none if ended is not nil.
func (c *cache[T]) entry(ended error, key string, age time.Duration, spend func() error) (*cached[T], error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	old := c.entries[key]
	if old != nil && old.ready && !now.Before(old.until) {
		old = nil
	}
	// Use the old entry if it is loading, failed recently, is young enough, or was refreshed in
	// vain a short time ago.
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
	// Delete first, so that replacing an entry in a full cache evicts no other.
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

// evict makes room for one entry. Failures go first, then the value that
// expires soonest. It returns false if every entry is still loading.
func (c *cache[T]) evict(now time.Time) bool {
	victim, least := "", time.Time{}
	// A full scan, but only if 1,024 entries are in use at once.
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
// request of the first caller is canceled, only after fetchTimeout.
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
	// Keep the values of the context, such as those for tracing, but not its end.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
	defer cancel()
	e.value, until, e.err = load(ctx)
}

// noMatch is the error for something that was read and is not trusted.
// Something that could not be read is another error: it may be temporary.
func noMatch(format string, args ...any) error {
	return &core.Error{Reason: core.ErrNoMatch, Detail: fmt.Sprintf(format, args...)}
}

// plainHTTPS parses an address that no two parsers can read differently: https,
// a lower-case host without port, no user, no fragment, no escapes in the path.
// Only the canonical spelling is accepted, so one address has one cache entry.
func plainHTTPS(text string) (*url.URL, bool) {
	// A message chose this text, so bound it before parsing.
	if len(text) > 2048 {
		return nil, false
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Opaque != "" || u.User != nil || u.Fragment != "" || u.ForceQuery || u.RawPath != "" || u.String() != text {
		return nil, false
	}
	// Neither a port nor an IPv6 address nor an international name passes.
	for _, c := range u.Host {
		if c != '.' && c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return nil, false
		}
	}
	return u, u.Host != ""
}

// certificates fetches senders' signing certificates, and trusts those that
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

// verify verifies a signature with the key of the certificate at address, which
// was checked. named reports whether a name in the certificate belongs to the
// sender. The cache keeps the result under the address alone, so named may
// depend only on the address. verify receives the key.
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
				return nil, time.Time{}, fmt.Errorf("%s did not return a certificate: does a proxy respond instead of it? %w", address, err)
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
	// Check dates and names before the chain: those need no fetch, and give the clearer error.
	if now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
		return fail(noMatch("the certificate at %s is not valid now, only from %s to %s: is our clock right?",
			address, leaf.NotBefore.Format(time.RFC3339), leaf.NotAfter.Format(time.RFC3339)))
	}
	names := leaf.DNSNames
	if len(names) == 0 {
		// An older certificate has no subject alternative names. Then its common name is the name.
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
	// Senders leave out intermediate certificates. Fetch a missing one from the address in the
	// certificate, at most three times. Each step costs one fetch and each certificate comes from
	// the network, so the depth is bounded.
	options := x509.VerifyOptions{
		// Signing certificates need no usage for TLS servers, so accept any.
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
		// The next issuer is the one of this certificate.
		last = issuer
		_, err = leaf.Verify(options)
	}
	if err != nil {
		return fail(noMatch("the certificate at %s does not chain to a trusted root: are this machine's root certificates up to date? %v", address, err))
	}
	// Never trust the cached key beyond the end of its certificate.
	until := now.Add(maxFresh)
	if leaf.NotAfter.Before(until) {
		until = leaf.NotAfter
	}
	return public, until, nil
}

// issuer fetches the certificate of cert's issuer from the address in cert. It
// returns nil if cert has no usable address. Plain HTTP is safe: the
// certificate is trusted only if it chains to a root.
func (c *certificates) issuer(ctx context.Context, cert *x509.Certificate) (*x509.Certificate, error) {
	for _, address := range cert.IssuingCertificateURL {
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.Port() != "" || !strings.Contains(u.Host, ".") {
			continue
		}
		// An IP address, or a name without a dot above, could lead into a private network: the
		// certificate is not trusted yet.
		if _, err := netip.ParseAddr(u.Hostname()); err == nil {
			continue
		}
		f, err := get(ctx, c.client, address)
		if err == nil && f.status != http.StatusOK {
			err = fmt.Errorf("status %d", f.status)
		}
		if err != nil {
			return nil, fmt.Errorf("fetching the issuer of the sender's certificate from %.200q: %w", address, err)
		}
		issuer, err := parseCertificates(f.body)
		if err != nil {
			return nil, fmt.Errorf("%.200q did not return a certificate: %w", address, err)
		}
		return issuer[0], nil
	}
	return nil, nil //nolint:nilnil // none is no error: the chain ends here
}

// verifyRSA verifies with a fetched key. A key that is too weak is a mismatch,
// not a failure of the key source.
func verifyRSA(ctx context.Context, label string, enc core.Encoding, public *rsa.PublicKey, h crypto.Hash, a *core.Attempt) (bool, error) {
	key, err := newRSAKey(label, enc, public, h, false)
	if err != nil {
		return false, noMatch("the key that the message names: %v", err)
	}
	return key.Verify(ctx, a)
}

// parseCertificates reads up to 8 certificates in PEM, or one in DER.
func parseCertificates(text []byte) ([]*x509.Certificate, error) {
	if !bytes.Contains(text, []byte("-----BEGIN ")) {
		cert, err := x509.ParseCertificate(text)
		if err != nil {
			return nil, errors.New("it is neither PEM nor DER")
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
			return nil, errors.New("it contains a certificate that cannot be read")
		}
		// A real chain has at most four certificates. Each costs time to check.
		if chain = append(chain, cert); len(chain) > 8 {
			return nil, errors.New("it contains more than 8 certificates")
		}
	}
	if len(chain) == 0 {
		return nil, errors.New("it contains no certificate")
	}
	return chain, nil
}
