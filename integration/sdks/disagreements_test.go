package sdks_test

// disagreement is a difference between the verdicts of hookonce and of libraries, and says which is
// right.
type disagreement struct {
	trials  []string
	judges  string // names with spaces between
	accepts string // who alone does
	right   string
	why     string
}

const (
	hookonce = "hookonce"
	library  = "the library"
	both     = "both"
)

// disagreements returns all of them. TestTheSendersOwnLibrariesAgree finds one that is missing
// here, and one that no longer exists.
func disagreements() []disagreement {
	return []disagreement{
		{
			[]string{"empty"},
			"anthropic clerk dodo easypost github hygraph lettermint liveblocks mailchannels pagerduty.go portone pusher replicate resend.go sanity shopify stripe svix telnyx twilio whop",
			hookonce, both, "The library reads the body as JSON, or takes an empty text for a missing one. hookonce verifies bytes: the handler reads them. " +
				"None of these senders sends an empty body.",
		},
		{
			[]string{"signed by the library: empty"},
			"stripe svix", hookonce, both,
			"The library signs it, and cannot read it as JSON.",
		},
		{
			[]string{"signed by the library: empty"},
			"hygraph", library, hookonce,
			"The library takes an empty text for a missing one and signs JSON without `Body`. No sender does.",
		},
		{
			[]string{"escapes", "CRLF"},
			"lark", hookonce, hookonce,
			"The library hashes the body as it writes the parsed JSON again: other bytes than the sender signed. Lark's library of Go hashes the bytes.",
		},
		{
			[]string{"a space behind the body"},
			"lark", library, hookonce,
			"For the same reason it does not see what JSON does not show.",
		},
		{
			[]string{"a space behind the body"},
			"kinde wix", library, hookonce,
			"The decoder of the token in the body skips spaces. The sender writes none; whatever else arrives was changed on the way.",
		},
		{
			[]string{"a letter of the body changed", "a space behind the body"},
			"vonage", library, hookonce,
			"`verifySignature` looks at the token alone and leaves `payload_hash` to the caller. hookonce compares it with the body.",
		},
		{
			[]string{"a form with a parameter twice"},
			"twilio.go", hookonce, hookonce,
			"The library takes a map with one value for each parameter. Twilio's library of JavaScript signs and accepts them all.",
		},
		{
			[]string{"two signatures, the second fits"},
			"braintree buildkite.go hygraph paddle.go retell sanity workos", hookonce, hookonce,
			"The library reads one signature, or one under its public key, so it refuses messages while a secret rotates. A further signature accepts nothing that a configured key did not sign.",
		},
		{
			[]string{"4 minutes old"},
			"paddle", hookonce, hookonce,
			"The library allows 5 seconds, which a queue or a slow clock exceeds. Here it is 5 minutes: a replay within them is found all the same.",
		},
		{
			[]string{"4 minutes old"},
			"linear", hookonce, hookonce,
			"The library allows a minute. Linear does not say that a retry has a new time, so hookonce accepts as much as its retries take, and finds replays.",
		},
		{
			[]string{"4 minutes ahead"},
			"box livekit qstash", hookonce, hookonce,
			"The library allows the sender's clock no lead. hookonce allows what the sender prescribes for the past, so a receiver's slow clock refuses nothing.",
		},
		{
			[]string{"4 minutes ahead"},
			"contentful workos", library, hookonce,
			"The library bounds the past only: 30 seconds and 3 minutes. hookonce bounds the future as well.",
		},
		{
			[]string{"a day ahead"},
			"contentful gr4vy hubspot mailchannels messagebird mux paddle slack stripe stripe.go workos", library, hookonce,
			"The library bounds the past only. A message with such a time stays valid until then, and longer than any store remembers it.",
		},
		{
			[]string{"a day old", "a day ahead"},
			"buildkite.go discord hygraph lark mailgun.go mercadopago paddle.go replicate sanity sendgrid sendgrid.go sinch webflow", library, hookonce,
			"The library checks no time, or only if asked, and leaves it to the caller.",
		},
		{
			[]string{"a day ahead"},
			"vonage", library, hookonce,
			"A token without `exp` has no end, and the library does not look at `iat`.",
		},
		{
			[]string{"the signature in capitals"},
			"buildkite.go creem discord gitea.go github.go gocardless hook0 lettermint mailgun.go notion onfido pagerduty.go pusher.go retell slack.go stripe.go",
			library, hookonce,
			"The same signature written in another way. The sender writes small letters; whatever else arrives was changed on the way.",
		},
		{
			[]string{"the signature without its padding"},
			"adyen adyen-platform box line mailchannels openai polar portone sendgrid", library, hookonce,
			"The decoder of base64 is lenient. The sender writes the padding; whatever else arrives was changed on the way.",
		},
		{
			[]string{"the signature repeated"},
			"adyen adyen-platform box line mailchannels openai sendgrid", library, hookonce,
			"The decoder of base64 stops at the padding, so anything may follow it.",
		},
	}
}
