package nearest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/hookonce/hookonce/internal/nearest"
	"github.com/hookonce/hookonce/schemes"
)

func TestTheNameThatWasProbablyMeantIsFound(t *testing.T) {
	t.Parallel()
	known := schemes.Names()
	for typed, want := range map[string]string{
		"gitub": "github", "strpe": "stripe", "mercado-pago": "mercadopago", "mercado": "mercadopago", "customer.io": "customerio", "checkout.com": "checkout",
		"GitHub-App": "github", "gitlab-token-2": "gitlab-token", "slack/events": "slack", "Twitter": "x", "twiter": "x", "forgejo": "gitea", "facebook": "meta",
		"standardwebhooks": "standard", "twitc": "twitch", "x": "", "x-corp": "", "acme": "", "whsec_abc": "", "": "", strings.Repeat("slack-", 9): "",
	} {
		if got := nearest.Sender(typed, known); got != want {
			t.Errorf("%q is taken for %q, want %q", typed, got, want)
		}
	}
}

func TestEveryOtherNameIsOneOfASender(t *testing.T) {
	t.Parallel()
	known := schemes.Names()
	others := 0
	for _, name := range known {
		for _, other := range nearest.OtherNames(name) {
			others++
			if slices.Contains(known, other) || nearest.Sender(other, known) != name {
				t.Errorf("%s, another name of %s, is taken for %q", other, name, nearest.Sender(other, known))
			}
		}
	}
	if others < 20 {
		t.Errorf("only %d other names belong to a sender", others)
	}
}
