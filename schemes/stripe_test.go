package schemes_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
	"github.com/hookonce/hookonce/stores/memstore"
)

func TestAKeyForStripesAPIIsNoSigningSecret(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{"sk_live_4Q7rVb2nXk9wTz0s", "sk_test_4Q7rVb2nXk9wTz0s", "rk_live_4Q7rVb2nXk9wTz0s", "pk_test_4Q7rVb2nXk9wTz0s"} {
		_, err := core.New(core.Secrets(secret), memstore.New(), &core.Config{Scheme: schemes.Stripe()})
		if !errors.Is(err, core.ErrMisconfigured) || !strings.Contains(err.Error(), "starts with whsec_") || strings.Contains(err.Error(), secret[8:]) {
			t.Errorf("%s…: %v", secret[:8], err)
		}
	}
	for _, secret := range []string{"whsec_4Q7rVb2nXk9wTz0s4Q7rVb2nXk9wTz0s", "a secret of a test"} {
		if _, err := core.New(core.Secrets(secret), memstore.New(), &core.Config{Scheme: schemes.Stripe()}); err != nil {
			t.Error(err)
		}
	}
}
