package explain

import (
	"strconv"
	"strings"

	"github.com/hookonce/hookonce/internal/apikey"
)

// observeSecrets reports the mistakes in secrets that are not valid, or that
// are other texts that people copy.
func (s *search) observeSecrets(_ error, add func(Mistake, string)) {
	for i, secret := range s.secrets {
		// A scheme with free-text secrets accepts anything, also an API key. All secrets are looked
		// at, because one of several may be right.
		if accepted(s.scheme, secret) {
			// Accepted, but recognizable as something else.
			if what := noSecret(secret.Reveal()); what != "" {
				add(secretKind, what)
			}
			continue
		}
		if what := noSecret(secret.Reveal()); what != "" {
			add(secretKind, what)
			return
		}
		// Secrets without an id get the same names as in the verifier's errors.
		name := secret.ID
		if name == "" {
			name = "key-" + strconv.Itoa(i+1)
		}
		// Peeling does not find missing padding: a secret without it has nothing around it.
		if n := unpadded(secret.Reveal()); n > 0 && wantsPrefix(s.scheme) {
			add(secretBase64, paddingMissing(n))
			continue
		}
		named := false // the outermost layer is enough: people fix one thing at a time
		// Peeling finds what surrounds the secret.
		for _, t := range peel(text{text: secret.Reveal()}) {
			if !named {
				add(t.steps[0].mistake, "")
			}
			named = true
		}
		if !named {
			add(secretRefused, "the secret "+strconv.Quote(printable(name))+" is not valid under this scheme: see the detail")
		}
	}
}

// noSecret describes a text that people paste instead of a secret. It returns
// "" if the text may be a secret. The prefixes are the vendors' own, published
// so that leaks can be found.
func noSecret(text string) string {
	text = strings.TrimSpace(text)
	for _, kind := range []struct{ prefix, what string }{
		{"https://", "is a URL, but the endpoint's URL signs nothing"},
		{"http://", "is a URL, but the endpoint's URL signs nothing"},
		{"we_", "is the id of a Stripe endpoint: the endpoint's signing secret starts with whsec_"},
		{"ep_", "is the id of an endpoint: the endpoint's signing secret starts with whsec_"},
		{"evt_", "is the id of an event"},
		{"msg_", "is the id of a message"},
		{"acct_", "is the id of an account"},
		{"ghp_", "is a GitHub access token, which signs no webhooks"},
		{"github_pat_", "is a GitHub access token, which signs no webhooks"},
		{"glpat-", "is a GitLab access token, which signs no webhooks"},
		{"xoxb-", "is a Slack API token: the signing secret is on the app's Basic Information page"},
		{"xoxp-", "is a Slack API token: the signing secret is on the app's Basic Information page"},
		{"xapp-", "is a Slack API token: the signing secret is on the app's Basic Information page"},
		{"shpat_", "is a Shopify access token: webhooks are signed with the app's client secret"},
		{"SG.", "is a SendGrid API key, which signs no webhooks"},
		{"AKIA", "is an AWS access key id, which signs no webhooks"},
	} {
		if strings.HasPrefix(text, kind.prefix) {
			return "the configured secret " + kind.what
		}
	}
	// eyJ is the base64 of {" and begins every JSON Web Token.
	if strings.HasPrefix(text, "eyJ") && strings.Count(text, ".") == 2 {
		return "the configured secret is a JSON Web Token, not a key"
	}
	if apikey.Is(text) {
		return "the configured secret starts like a key for the sender's API, which signs no webhooks"
	}
	// A SID has two letters and 32 hexadecimal digits.
	if len(text) == 34 && (strings.HasPrefix(text, "AC") || strings.HasPrefix(text, "SK")) && strings.Trim(text[2:], "0123456789abcdef") == "" {
		return "the configured secret is the id (SID) of a Twilio account or key: webhooks are signed with the auth token"
	}
	return ""
}
