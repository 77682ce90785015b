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

// KeySetOptions are what [KeySet] can be told. Hosts is required.
type KeySetOptions struct {
	// Hosts are those that a set may be fetched from: "keys.example.com", or
	// with a dot in front all below it, ".example.com". A secret that leads
	// elsewhere is refused, so an address that a tenant chose leads into no
	// network of yours.
	Hosts []string
	// Client fetches sets. Redirects are never followed. Default: one of our
	// own, which uses the proxy of the environment.
	Client *http.Client

	seams seams
}

// KeySet is a scheme whose public keys stand in a JSON Web Key Set (RFC 7517).
// The secret is the address of the set, "https://keys.example.com/jwks.json".
// Other secrets are as those of the scheme.
//
//	schemes.KeySet(scheme, schemes.KeySetOptions{Hosts: []string{"keys.example.com"}})
//
// It serves what verifies with public keys: [JWT], [HTTPSignatures], a
// [Template], v1a of [core.StandardWebhooks]. Each key of the set counts as if
// its text were configured. So the key decides on the algorithm, together with
// the scheme, and a public key is never taken for a shared secret. Keys that do
// not fit are passed over. A scheme of your own must take their base64 for that
// of a public key. Of RSA keys for HTTPSignatures the set must say the
// algorithm, RS256 or PS512.
//
// A message that names its key is verified with that one, by the kid of a JWT
// or the keyid of RFC 9421. A scheme of your own names it with a method of its
// [core.Attempt].State: KeyID() string. Other messages are tried with each key.
// An address in a message, such as jku, is never used. Of a scheme that has key
// sets already, such as [Kinde], the options take the place of its own.
//
// A set is kept for an hour. A message under a key that is not in it has it
// fetched again, at most every 30 seconds for each address, whatever strangers
// send: a sender must publish a key for that long before it signs with it. If a
// set cannot be fetched again, it is used for up to a day, and the next try is
// a minute later. While there is none, there is a try every 5 seconds. A set
// has at most 64 KiB and 16 keys that fit.
//
// A set may sign more than messages. That of an identity provider also signs
// access tokens: see [JWT] for what keeps those out.
func KeySet(scheme core.Scheme, o KeySetOptions) core.Scheme {
	switch {
	case !core.FactsOf(scheme).PublicKeys:
		return unusable{scheme.Name(), fmt.Errorf("schemes: KeySet: %s verifies with a shared secret, and a public key is none", scheme.Name())}
	case len(o.Hosts) == 0:
		return unusable{scheme.Name(), errors.New("schemes: KeySet: no Hosts: list the hosts from which sets may be fetched, as in \"keys.example.com\"")}
	}
	for _, host := range o.Hosts {
		if u, ok := plainHTTPS("https://" + strings.TrimPrefix(host, ".")); !ok || u.Path+u.RawQuery != "" || !strings.Contains(u.Host, ".") {
			return unusable{scheme.Name(), fmt.Errorf("schemes: KeySet: the host %q is not one in lower case, without port and path", host)}
		}
	}
	o.Hosts = slices.Clone(o.Hosts)
	if other, ok := scheme.(*keySet); ok {
		scheme = other.Scheme // with these hosts in place of its own
	}
	return &keySet{scheme, o, fetchClient(o.Client), cache[jwks]{now: o.seams.clock()}}
}

const (
	keepSet    = time.Hour        // so long a key that was taken out of its set is still good
	refreshSet = 30 * time.Second // the least time between two fetches that messages cause
	maxSetKeys = 16
)

// keySet is the scheme of [KeySet].
type keySet struct {
	core.Scheme

	o      KeySetOptions
	client *http.Client
	sets   cache[jwks]
}

// jwks are the keys of a set that fit the scheme.
type jwks []setKey

type setKey struct {
	id  string
	key core.VerifyKey
}

// named are the keys with this id, all of them if it is empty.
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
	if at := f.At; at != nil {
		f.At = func(url string) core.Scheme { return KeySet(at(url), s.o) }
	}
	if sign := f.Sign; sign != nil {
		f.Sign = func(r *core.Request, id string, at time.Time, secrets ...string) error {
			if slices.ContainsFunc(secrets, isAddress) {
				return fmt.Errorf("the address of a key set only verifies: %w", errors.ErrUnsupported)
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
		return nil, errors.New("not the address of a key set: https, a host in lower case without port, and a path are needed")
	case !slices.ContainsFunc(s.o.Hosts, func(host string) bool {
		return u.Host == host || host[0] == '.' && strings.HasSuffix(u.Host, host)
	}):
		return nil, errors.New("the host of the key set is none of KeySetOptions.Hosts")
	}
	return &remoteKeys{s, secret}, nil
}

// remoteKeys is a set as one key.
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
	// Who waits for a set must not keep others from using the keys that are there.
	keys, there := k.scheme.sets.held(k.address, keepSet)
	age := keepSet
	if there {
		keys = keys.named(id)
		if ok, err := keys.verify(ctx, a); ok || err != nil || id != "" && len(keys) > 0 {
			return ok, err
		}
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
	shown, _, _ := strings.Cut(k.address, "?") // what follows may be a token
	f, err := get(ctx, k.scheme.client, k.address)
	if err == nil && f.status != http.StatusOK {
		err = fmt.Errorf("status %d", f.status)
	}
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("fetching the key set at %s: %w", shown, err)
	}
	keys, err := fitting(f.body, k.scheme.Scheme)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("the key set at %s: %w", shown, err)
	}
	return keys, k.scheme.sets.now().Add(maxFresh), nil
}

// jwk is a key as RFC 7517 and RFC 8037 write it. Private parts are not read.
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

// parseSet reads the keys of a set that are there for signatures. Keys of a
// kind that is not known here are left out.
func parseSet(text []byte) ([]jwk, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil || set.Keys == nil {
		return nil, errors.New("it is no JSON object with \"keys\": does a proxy answer in its place?")
	}
	var keys []jwk
	for _, raw := range set.Keys {
		var k jwk
		if json.Unmarshal(raw, &k) == nil && (k.Use == "" || k.Use == "sig") && (len(k.KeyOps) == 0 || slices.Contains(k.KeyOps, "verify")) {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// fitting takes those keys of a set that fit the scheme.
func fitting(text []byte, scheme core.Scheme) (jwks, error) {
	all, err := parseSet(text)
	if err != nil {
		return nil, err
	}
	var keys jwks
	for _, k := range all {
		text, ok := k.text(scheme)
		if !ok {
			continue
		}
		key, err := scheme.ParseKey(text)
		if err != nil || isMAC(key) { // a scheme of the program may take base64 alone for a secret
			continue
		}
		if keys = append(keys, setKey{k.Kid, key}); len(keys) > maxSetKeys {
			return nil, fmt.Errorf("more than %d keys fit", maxSetKeys)
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("none of its %d keys fits this scheme", len(all))
	}
	return keys, nil
}

// text is the key as the scheme is configured with it. It is always that of a
// public key, for an algorithm that goes with its type.
func (k jwk) text(scheme core.Scheme) (string, bool) {
	public, err := k.public()
	if err != nil {
		return "", false
	}
	raw, isEd25519 := public.(ed25519.PublicKey)
	if !isEd25519 {
		if raw, err = x509.MarshalPKIXPublicKey(public); err != nil {
			return "", false
		}
	}
	text := base64.StdEncoding.EncodeToString(raw)
	switch s := scheme.(type) {
	case core.StandardWebhooks:
		return "whpk_" + text, isEd25519
	case *httpSignatures:
		alg := map[string]string{"Ed25519": "ed25519", "P-256": "ecdsa-p256-sha256", "P-384": "ecdsa-p384-sha384"}[k.Crv]
		if k.Kty == "RSA" {
			alg = map[string]string{"RS256": "rsa-v1_5-sha256", "PS512": "rsa-pss-sha512"}[k.Alg]
		}
		if k.Kid != "" {
			return k.Kid + "@" + alg + ":" + text, alg != ""
		}
		return alg + ":" + text, alg != ""
	case *bodyJWT:
		return text, k.signs(s.alg)
	case *templated:
		return text, k.signs(s.t.Algorithm.is().jwt)
	default:
		return text, true
	}
}

// signs says that the set allows the key for this algorithm of JWTs.
func (k jwk) signs(alg string) bool {
	return k.Alg == "" || k.Alg == alg || k.Alg == "Ed25519" && alg == "EdDSA"
}

// public is the key, if it is one that can be trusted. Its algorithm, if the
// set says one, must be of its type.
func (k jwk) public() (any, error) {
	part := func(text string, size int) []byte {
		raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
		switch {
		case err != nil || size != 0 && len(raw) > size:
			return nil
		case len(raw) < size: // some leave out the zeros in front
			return append(make([]byte, size-len(raw), size), raw...)
		}
		return raw
	}
	switch k.Kty + " " + k.Crv {
	case "OKP Ed25519":
		if raw := part(k.X, 0); len(raw) == ed25519.PublicKeySize && k.signs("EdDSA") {
			return ed25519.PublicKey(raw), nil
		}
	case "EC P-256", "EC P-384", "EC P-521":
		if !k.signs(map[string]string{"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}[k.Crv]) {
			break
		}
		curve := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}[k.Crv]
		size := (curve.Params().BitSize + 7) / 8
		return ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, part(k.X, size), part(k.Y, size)))
	case "RSA ":
		n, e := new(big.Int).SetBytes(part(k.N, 0)), new(big.Int).SetBytes(part(k.E, 0))
		signs := slices.Contains([]string{"", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}, k.Alg) // and not RSA-OAEP
		if signs && n.BitLen() <= maxRSABits && e.BitLen() <= 31 && e.Bit(0) == 1 && e.BitLen() > 1 {
			return &rsa.PublicKey{N: n, E: int(e.Int64())}, nil
		}
	}
	return nil, errors.New("not an RSA, ECDSA or Ed25519 public key")
}

// maxRSABits bounds what a signature costs to verify.
const maxRSABits = 8192
