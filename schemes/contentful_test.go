package schemes_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
	"github.com/hookonce/hookonce/stores/memstore"
)

func TestContentfulNamesTheFaultInTheSignedHeaders(t *testing.T) {
	t.Parallel()
	v, err := core.New(core.Secrets(secret), memstore.New(), &core.Config{Scheme: schemes.Contentful("https://example.com/hook")})
	if err != nil {
		t.Fatal(err)
	}
	for more, want := range map[string]string{
		"x-topic":                 `"x-topic" occurs 0 times`,
		"x-contentful-timestamp":  "lists a header twice",
		"x:topic":                 "contains a colon",
		strings.Repeat("x", 1000): `"` + strings.Repeat("x", 64) + `"`,
	} {
		r := request("{}", "X-Contentful-Timestamp", millis(time.Now()), "X-Contentful-Signature", strings.Repeat("0", 64),
			"X-Contentful-Signed-Headers", "x-contentful-signed-headers,x-contentful-timestamp,"+more)
		wantReason(t, v, r, core.ErrMalformed, want)
	}
}

func TestAHeaderWithoutTheLabelIsNotCalledMissing(t *testing.T) {
	t.Parallel()
	v, err := core.New(core.Secrets(secret), memstore.New(), &core.Config{Scheme: schemes.Stripe()})
	if err != nil {
		t.Fatal(err)
	}
	r := request("{}", "Stripe-Signature", "t="+seconds(time.Now())+",v0=00")
	wantReason(t, v, r, core.ErrMissingHeader, `Stripe-Signature is missing or has no "v1=" signature`)
}
