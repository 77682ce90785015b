package schemes

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
)

// KeySetOptions are the options of [KeySet]. Hosts is required.
type KeySetOptions struct {
	// Hosts lists the hosts from which key sets may be fetched:
	// "keys.example.com", or ".example.com" for all its subdomains. KeySet
	// rejects a secret with another host, so a tenant cannot choose a URL that
	// leads into your network.
	Hosts []string
	// Client fetches key sets. It never follows redirects. Default: a client of
	// this package that uses the proxy from the environment.
	Client *http.Client

	seams seams
}

// KeySet returns a version of scheme that takes its public keys from a JSON Web
// Key Set (RFC 7517). The secret is the URL of the key set, such as
// "https://keys.example.com/jwks.json". Any secret that does not start with
// https:// goes to scheme unchanged.
//
//	schemes.KeySet(scheme, schemes.KeySetOptions{Hosts: []string{"keys.example.com"}})
//
// KeySet works with schemes that verify with public keys: [JWT],
// [HTTPSignatures], a [Template], or v1a signatures of [core.StandardWebhooks].
// Each key in the set is treated as if you had configured it. The key and the
// scheme therefore determine the algorithm, and a public key is never used as a
// shared secret. KeySet skips keys that do not fit the scheme. A custom scheme
// must parse the base64 text of a key as a public key, or have KeyText in its
// [core.Facts]. For HTTPSignatures, an RSA key in the set must state its
// algorithm, RS256 or PS512.
//
// A message may name its key with the kid of a JWT or the keyid of RFC 9421.
// Then only keys with that id are tried. If a message names no key, every key
// in the set is tried. A custom scheme names the key through its
// [core.Attempt].State, which must have a method KeyID() string. A URL in a
// message, such as jku, is never used. For a scheme that already uses key sets,
// such as [Kinde], o replaces its options.
//
// KeySet caches a key set for an hour. A message that names an unknown key
// causes a refresh. So does a message that names no key and that no cached key
// verifies. A cached set is refreshed at most every 30 seconds, however many
// messages an attacker sends. A sender must therefore publish a key at least 30
// seconds before using it. If a refresh fails, the old set stays in use for up
// to a day, and KeySet tries again after a minute. Without an old set, KeySet
// tries again after 5 seconds at the earliest. A set may be at most 64 KiB long
// and contain at most 16 keys that fit the scheme.
//
// The keys in a set may sign more than messages. An identity provider also
// signs access tokens with them: see [JWT] for how to reject those tokens.
func KeySet(scheme core.Scheme, o KeySetOptions) core.Scheme {
	facts := core.FactsOf(scheme)
	switch {
	case facts.Mistake != nil:
		return unusable{scheme.Name(), fmt.Errorf("schemes: KeySet: %w", facts.Mistake)}
	case !facts.PublicKeys:
		return unusable{scheme.Name(), fmt.Errorf("schemes: KeySet: %s does not verify with public keys, but a key set has only public keys", scheme.Name())}
	case len(o.Hosts) == 0:
		return unusable{scheme.Name(), errors.New("schemes: KeySet: Hosts is empty: list the hosts that key sets may be fetched from, such as " +
			"\"keys.example.com\"")}
	}
	// Check hosts as parts of URLs, so that hosts and secrets have the same spelling. A host
	// without a dot would be a name in the local network.
	for _, host := range o.Hosts {
		if u, ok := plainHTTPS("https://" + strings.TrimPrefix(host, ".")); !ok || u.Path+u.RawQuery != "" || !strings.Contains(u.Host, ".") {
			return unusable{scheme.Name(), fmt.Errorf("schemes: KeySet: the host %q must be a lower-case name with a dot, without port or path", host)}
		}
	}
	// The caller may change its slice later.
	o.Hosts = slices.Clone(o.Hosts)
	if other, ok := scheme.(*keySet); ok {
		scheme = other.Scheme // with these hosts instead of its own
	}
	return &keySet{scheme, o, fetchClient(o.Client), cache[jwks]{now: o.seams.clock()}}
}

const (
	keepSet    = time.Hour        // a key that the sender removes stays valid this long
	refreshSet = 30 * time.Second // the minimum time between two fetches that messages cause
	maxSetKeys = 16
)

// keySet implements [KeySet].
type keySet struct {
	core.Scheme

	o      KeySetOptions
	client *http.Client
	sets   cache[jwks]
}

// jwks holds the keys in a set that fit the scheme.
type jwks []setKey

type setKey struct {
	id  string
	key core.VerifyKey
}

// named returns the keys with this id, or all keys if id is empty. Several keys
// in a set may have the same id.
func (s jwks) named(id string) jwks {
	if id == "" {
		return s
	}
	var found jwks
	for _, k := range s {
		if k.id == id {
			found = append(found, k)
		}
	}
	return found
}

// Facts implements [core.Describer].
func (s *keySet) Facts() core.Facts {
	f := core.FactsOf(s.Scheme)
	f.Fetches = true
	// Package explain tries other URLs. The schemes for those need the key sets too.
	if at := f.At; at != nil {
		f.At = func(url string) core.Scheme { return KeySet(at(url), s.o) }
	}
	if sign := f.Sign; sign != nil {
		f.Sign = func(r *core.Request, id string, at time.Time, secrets ...string) error {
			if slices.ContainsFunc(secrets, isAddress) {
				return fmt.Errorf("the address of a key set can only verify, not sign: %w", errors.ErrUnsupported)
			}
			return sign(r, id, at, secrets...)
		}
	}
	return f
}

func isAddress(secret string) bool { return strings.HasPrefix(secret, "https://") }

// ParseKey implements [core.Scheme].
func (s *keySet) ParseKey(secret string) (core.VerifyKey, error) {
	if !isAddress(secret) {
		return s.Scheme.ParseKey(secret)
	}
	u, ok := plainHTTPS(secret)
	switch {
	case !ok:
		return nil, errors.New("the address of a key set must have https, a lower-case host without a port, and a path")
	case !slices.ContainsFunc(s.o.Hosts, func(host string) bool {
		return u.Host == host || host[0] == '.' && strings.HasSuffix(u.Host, host)
	}):
		return nil, errors.New("the host of the key set is not in KeySetOptions.Hosts: add the host if its keys can be trusted")
	}
	return &remoteKeys{s, secret}, nil
}

// remoteKeys is a key of the scheme that stands for a whole key set.
type remoteKeys struct {
	scheme  *keySet
	address string
}

// Verify implements [core.VerifyKey].
func (k *remoteKeys) Verify(ctx context.Context, a *core.Attempt) (bool, error) {
	id := ""
	if state, ok := a.State.(interface{ KeyID() string }); ok {
		id = state.KeyID()
	}
	// Use the cached keys first. A request that waits for a refresh must not delay requests that
	// the cached keys can verify.
	keys, there := k.scheme.sets.held(k.address, keepSet)
	age := keepSet
	if there {
		keys = keys.named(id)
		// If the message names a key in the set, a refresh cannot change the result.
		if ok, err := keys.verify(ctx, a); ok || err != nil || id != "" && len(keys) > 0 {
			return ok, err
		}
		// The key may be new in the set, so a newer copy could have it.
		age = refreshSet
	}
	keys, err := k.scheme.sets.younger(ctx, k.address, age, loading[jwks]{load: k.load})
	if err != nil {
		return false, err
	}
	return keys.named(id).verify(ctx, a)
}

func (s jwks) verify(ctx context.Context, a *core.Attempt) (bool, error) {
	for _, k := range s {
		if ok, err := k.key.Verify(ctx, a); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

func (k *remoteKeys) load(ctx context.Context) (jwks, time.Time, error) {
	shown, _, _ := strings.Cut(k.address, "?") // the query may contain a token, so errors omit it
	f, err := getOK(ctx, k.scheme.client, k.address)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("fetching the key set at %s: %w", shown, err)
	}
	keys, err := fitting(f.body, k.scheme.Scheme)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("the key set at %s cannot be used: %w", shown, err)
	}
	return keys, k.scheme.sets.now().Add(maxFresh), nil
}

// jwk is a key in the form of RFC 7517 and RFC 8037, without its private parts.
type jwk struct {
	Kty    string   `json:"kty"`
	Use    string   `json:"use"`
	KeyOps []string `json:"key_ops"` //nolint:tagliatelle // as RFC 7517 has it
	Alg    string   `json:"alg"`
	Kid    string   `json:"kid"`
	Crv    string   `json:"crv"`
	X      string   `json:"x"`
	Y      string   `json:"y"`
	N      string   `json:"n"`
	E      string   `json:"e"`
}

// parseSet parses the signature keys in a set. It skips a key that it cannot
// parse instead of failing, because RFC 7517 says to ignore unknown kinds.
func parseSet(text []byte) ([]jwk, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil || set.Keys == nil {
		return nil, errors.New("the response is not a JSON object with \"keys\": does a proxy respond instead of the sender?")
	}
	var keys []jwk
	for _, raw := range set.Keys {
		var k jwk
		// RFC 7517: use and key_ops restrict a key. An encryption key must not verify.
		if json.Unmarshal(raw, &k) == nil && (k.Use == "" || k.Use == "sig") && (len(k.KeyOps) == 0 || slices.Contains(k.KeyOps, "verify")) {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// fitting returns the keys in a set that the scheme can use.
func fitting(text []byte, scheme core.Scheme) (jwks, error) {
	all, err := parseSet(text)
	if err != nil {
		return nil, err
	}
	var keys jwks
	keyText := core.FactsOf(scheme).KeyText
	for _, k := range all {
		text, ok := k.text(keyText)
		if !ok {
			continue
		}
		key, err := scheme.ParseKey(text)
		if err != nil || isMAC(key) { // a custom scheme may take plain base64 for a shared secret
			continue
		}
		// Messages without a key id are tried with every key, so the number of keys is limited.
		if keys = append(keys, setKey{k.Kid, key}); len(keys) > maxSetKeys {
			return nil, fmt.Errorf("the set has more than %d keys that fit this scheme, which is the limit", maxSetKeys)
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("the set has no key that fits this scheme (keys in the set: %d)", len(all))
	}
	return keys, nil
}

// text returns the key as the text that a user would configure. keyText is that
// of [core.Facts]. The text is always that of a public key, for an algorithm
// that fits its type.
func (k jwk) text(keyText func(text, alg, id string) (string, bool)) (string, bool) {
	public, err := k.public()
	if err != nil {
		return "", false
	}
	// Schemes take an Ed25519 key as its 32 bytes, and any other key as SPKI.
	raw, isEd25519 := public.(ed25519.PublicKey)
	if !isEd25519 {
		if raw, err = x509.MarshalPKIXPublicKey(public); err != nil {
			return "", false
		}
	}
	text := base64.StdEncoding.EncodeToString(raw)
	if keyText == nil {
		return text, true
	}
	return keyText(text, k.algorithm(), k.Kid)
}

// algorithm returns the key's algorithm as in JWTs. The curve determines it. An
// RSA key fits several algorithms, and may state one.
func (k jwk) algorithm() string {
	switch k.Crv {
	case "Ed25519":
		return "EdDSA"
	case "P-256":
		return "ES256"
	case "P-384":
		return "ES384"
	case "P-521":
		return "ES512"
	default:
		return k.Alg
	}
}

// signs reports whether the set allows the key for that algorithm.
func (k jwk) signs() bool {
	alg := k.algorithm()
	return k.Alg == "" || k.Alg == alg || k.Alg == "Ed25519" && alg == "EdDSA"
}

// public returns the key if it is strong enough to trust. If the set states an
// algorithm, it must fit the type of the key.
func (k jwk) public() (any, error) {
	part := func(text string, size int) []byte {
		raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
		switch {
		case err != nil || size != 0 && len(raw) > size:
			return nil
		case len(raw) < size: // some senders omit leading zeros
			return append(make([]byte, size-len(raw), size), raw...)
		}
		return raw
	}
	switch k.Kty + " " + k.Crv {
	case "OKP Ed25519":
		if raw := part(k.X, 0); len(raw) == ed25519.PublicKeySize && k.signs() {
			return ed25519.PublicKey(raw), nil
		}
	case "EC P-256", "EC P-384", "EC P-521":
		if !k.signs() {
			break
		}
		curve := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}[k.Crv]
		size := (curve.Params().BitSize + 7) / 8
		return ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, part(k.X, size), part(k.Y, size)))
	case "RSA ":
		// An even or very small exponent is invalid, and a huge one makes verification slow.
		n, e := new(big.Int).SetBytes(part(k.N, 0)), new(big.Int).SetBytes(part(k.E, 0))
		signs := slices.Contains([]string{"", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}, k.Alg) // but not RSA-OAEP, which encrypts
		if signs && n.BitLen() <= maxRSABits && e.BitLen() <= 31 && e.Bit(0) == 1 && e.BitLen() > 1 {
			return &rsa.PublicKey{N: n, E: int(e.Int64())}, nil
		}
	}
	return nil, errors.New("the key is not an RSA, ECDSA or Ed25519 public key")
}

// maxRSABits limits the cost of verifying a signature.
const maxRSABits = 8192
