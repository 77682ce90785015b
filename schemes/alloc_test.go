//go:build !race

package schemes_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/schemes"
)

// Under the race detector pools forget at random, so this file is not built then.

func TestVerifyingAllocatesNoMoreForMoreSignatures(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	stamp := seconds(now)
	body := around("evt_1", kilobyte, "id")
	v := ready(t, schemes.Stripe(), secret, now)
	allocations := func(junk int) float64 {
		header := "t=" + stamp + strings.Repeat(",v1="+strings.Repeat("0", 64), junk) + ",v1=" + hexMAC(secret, stamp+"."+body)
		r := request(body, "Stripe-Signature", header)
		return testing.AllocsPerRun(200, func() {
			if _, err := v.Verify(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		})
	}
	one, many := allocations(0), allocations(15)
	if many > one || one > 2 {
		t.Errorf("%v allocations with one signature, %v with sixteen", one, many)
	}
}
