package schemes_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
)

func TestASignatureOfMailChannelsCoversTheDigestAndNothingElse(t *testing.T) {
	t.Parallel()
	k := testKeys()
	const body = `[{"event":"delivered","customer_handle":"acme"}]`
	digest := "sha-256=:" + base64.StdEncoding.EncodeToString(sumOf(body)) + ":"
	signed := func(covered, keyID string, lines ...string) *core.Request {
		params := "(" + covered + ");created=" + seconds(remoteNow) + `;alg="ed25519";keyid="` + keyID + `"`
		base := strings.Join(append(lines, `"@signature-params": `+params), "\n")
		return request(body, "Content-Digest", digest, "Content-Type", "application/json",
			"Signature-Input", "sig_1="+params, "Signature", "sig_1=:"+k.ed.signature(0, base)+":")
	}
	ofDigest := `"content-digest": ` + digest
	other := signed(`"content-digest"`, "mckey", ofDigest)
	other.Body = []byte(strings.Replace(body, "acme", "evil", 1))
	for name, tt := range map[string]struct {
		r    *core.Request
		keys []string
		err  error
	}{
		"the digest":                  {signed(`"content-digest"`, "mckey", ofDigest), []string{k.ed.public}, nil},
		"under the key that it names": {signed(`"content-digest"`, "mckey", ofDigest), []string{"mckey@ed25519:" + k.ed.public}, nil},
		"under another key's name":    {signed(`"content-digest"`, "mckey", ofDigest), []string{"other@ed25519:" + k.ed.public}, core.ErrNoMatch},
		"under a key to come":         {signed(`"content-digest"`, "mckey", ofDigest), []string{"new@ed25519:" + k.edOther.public, "mckey@ed25519:" + k.ed.public}, nil},
		"another body":                {other, []string{k.ed.public}, core.ErrNoMatch},
		"not the digest":              {signed(`"content-type"`, "mckey", `"content-type": application/json`), []string{k.ed.public}, core.ErrMalformed},
		"nothing":                     {signed("", "mckey"), []string{k.ed.public}, core.ErrMalformed},
		"the digest and the type": {
			signed(`"content-digest" "content-type"`, "mckey", ofDigest, `"content-type": application/json`), []string{k.ed.public}, core.ErrMalformed,
		},
		"the digest and the address": {
			signed(`"content-digest" "@authority"`, "mckey", ofDigest, `"@authority": example.com`), []string{k.ed.public}, core.ErrMalformed,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := verifier(t, schemes.MailChannels(), remoteNow, tt.keys...).Verify(t.Context(), tt.r)
			if !errors.Is(err, tt.err) || err == nil && !m.BodySigned {
				t.Errorf("the body is signed: %t, error %v", m.BodySigned, err)
			}
		})
	}
}
