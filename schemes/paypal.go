package schemes

import (
	"context"
	"crypto"
	"crypto/rsa"
	"errors"
	"hash/crc32"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
)

// PayPalOptions are the options of [DangerouslyForgeablePayPal]. The zero value
// is ready for use.
type PayPalOptions struct {
	// Client fetches certificates. It never follows redirects. Default: a
	// client of this package that uses the proxy from the environment.
	Client *http.Client

	seams seams
}

// DangerouslyForgeablePayPal returns the scheme for PayPal webhooks. THE BODY
// IS NOT SIGNED, only its CRC-32, and anyone can construct another body with
// the same CRC-32. Anyone who captured a message can therefore replace its
// body, and the signature still verifies. A valid signature only proves that
// PayPal sent a message at the signed time. Therefore take only the event's id
// from the body, and query PayPal's API for the rest. core.Message.BodySigned
// is false. A message with a forged body counts as the same message as the
// genuine one, and only the first to arrive is handled.
//
// The "secret" is the webhook's id, which PayPal shows beside its URL. The
// signature is RSA with SHA-256. The scheme fetches the certificate from the
// URL in the message. That URL must be below /v1/notifications/certs/ at
// api.paypal.com, api-m.paypal.com or the sandbox's equivalents. The
// certificate must be valid and issued to a name under paypal.com, and must
// chain to a root that this machine trusts.
//
// The transmission id is signed and identifies the message. PayPal retries for
// three days, and does not document whether a retry keeps the id and the
// timestamp. The scheme therefore assumes that all attempts share one
// timestamp, which may be up to three days old. For a retry with a new id, the
// handler runs again. This scheme has not been tested against an official
// library or a published test vector.
//
// Source: developer.paypal.com/api/rest/webhooks/rest, as of August 2026.
func DangerouslyForgeablePayPal(o PayPalOptions) core.Scheme {
	return paypal{newCertificates(fetchClient(o.Client), o.seams)}
}

type paypal struct{ certs *certificates }

const paypalLabel = "paypal"

func (paypal) Name() string            { return "paypal" }
func (paypal) Stamping() core.Stamping { return core.StampedOnce }

// Facts implements [core.Describer]. PayPal makes 25 attempts in three days.
// One more hour allows for the last attempt.
func (paypal) Facts() core.Facts {
	return core.Facts{Past: 73 * time.Hour, Future: 5 * time.Minute, PublicKeys: true, Fetches: true, Headers: [][]string{paypalHeaders()}}
}

// ParseKey implements [core.Scheme].
func (p paypal) ParseKey(webhookID string) (core.VerifyKey, error) {
	if !isToken(webhookID) {
		return nil, errors.New("this is not a PayPal webhook id: copy the letters and digits that PayPal's dashboard shows beside the webhook's address")
	}
	return &paypalKey{webhookID, p.certs}, nil
}

// paypalMessage holds the signed text without the webhook's id, and the
// certificate's URL.
type paypalMessage struct {
	id, stamp string // the signed text before the webhook's id
	crc       string // the signed text after it
	certURL   string
}

func paypalHeaders() []string {
	return []string{"Paypal-Transmission-Id", "Paypal-Transmission-Time", "Paypal-Transmission-Sig", "Paypal-Cert-Url", "Paypal-Auth-Algo"}
}

// ReadHeader implements [core.Scheme].
func (p paypal) ReadHeader(r *core.Request, a *core.Attempt) error {
	var values [5]string
	for i, name := range paypalHeaders() {
		var err error
		if values[i], err = single(r.Header, name); err != nil {
			return err
		}
	}
	id, stamp, signature, certURL := values[0], values[1], values[2], values[3]
	if !visible(id) || strings.Contains(id, "|") {
		return malformed("Paypal-Transmission-Id must be 1 to 256 printable ASCII characters without spaces or \"|\"")
	}
	var err error
	if a.Timestamp, err = RFC3339.parse(stamp); err != nil {
		return err
	}
	// Never let the message choose the algorithm.
	if values[4] != "SHA256withRSA" {
		return malformed("Paypal-Auth-Algo must be SHA256withRSA")
	}
	if !isPayPalCertURL(certURL) {
		return malformed("Paypal-Cert-Url is not the address of a certificate on one of PayPal's hosts: " + strings.Join(paypalHosts(), ", "))
	}
	a.ID, a.IDSigned = id, true
	a.Signatures = append(a.Signatures, core.Signature{Label: paypalLabel, Text: signature})
	a.State = &paypalMessage{id: id, stamp: stamp, certURL: certURL}
	a.Unmatched = p.certs.fetches.name(certURL)
	return nil
}

// paypalHosts returns the old and new hosts of PayPal's API and of its sandbox.
func paypalHosts() []string {
	return []string{"api.paypal.com", "api-m.paypal.com", "api.sandbox.paypal.com", "api-m.sandbox.paypal.com"}
}

// isPayPalCertURL also rejects all other pages on these hosts, where a fetch
// would find no certificate.
func isPayPalCertURL(text string) bool {
	u, ok := plainHTTPS(text)
	if !ok || u.RawQuery != "" || !slices.Contains(paypalHosts(), u.Host) {
		return false
	}
	name, ok := strings.CutPrefix(u.Path, "/v1/notifications/certs/")
	return ok && isToken(name)
}

// ReadBody implements [core.Scheme]. The webhook's id belongs to the key. The
// content has the rest of the signed text.
func (paypal) ReadBody(r *core.Request, a *core.Attempt) error {
	m, ok := a.State.(*paypalMessage)
	if !ok {
		return malformed("ReadBody was called without ReadHeader")
	}
	m.crc = strconv.FormatUint(uint64(crc32.ChecksumIEEE(r.Body)), 10)
	a.Content.WriteString(m.id + "|")
	a.Content.WriteTime(m.stamp) // even with a new timestamp, a retry is the same message
	a.Content.WriteString("|" + m.crc)
	return nil
}

type paypalKey struct {
	webhookID string
	certs     *certificates
}

// Verify implements [core.VerifyKey].
func (k *paypalKey) Verify(ctx context.Context, a *core.Attempt) (bool, error) {
	m, ok := a.State.(*paypalMessage)
	if !ok || len(a.Signatures) == 0 {
		return false, nil
	}
	named := func(name string) bool { return strings.HasSuffix(name, ".paypal.com") }
	return k.certs.verify(ctx, k.webhookID, m.certURL, named, func(public *rsa.PublicKey) (bool, error) {
		// Use a separate attempt, because the identity must not depend on the webhook's id.
		whole := core.Attempt{Signatures: a.Signatures}
		whole.Content.WriteString(m.id + "|" + m.stamp + "|" + k.webhookID + "|" + m.crc)
		return verifyRSA(ctx, paypalLabel, core.Base64, public, crypto.SHA256, &whole)
	})
}
