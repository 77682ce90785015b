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
			"anthropic clerk crisp dodo easypost github hygraph lettermint liveblocks mailchannels pagerduty.go portone pusher replicate resend.go sanity shopify stripe svix telnyx twilio whop",
			hookonce, both, "The library parses the body as JSON, or takes an empty text for a missing one. hookonce verifies bytes, which the handler parses. " +
				"None of these senders sends an empty body.",
		},
		{
			[]string{"signed by the library: empty"},
			"stripe svix", hookonce, both,
			"The library signs the empty body, but cannot parse it as JSON.",
		},
		{
			[]string{"signed by the library: empty"},
			"hygraph", library, hookonce,
			"The library takes an empty text for a missing one, and signs JSON without `Body`. No sender does that.",
		},
		{
			[]string{"escapes", "CRLF"},
			"lark", hookonce, hookonce,
			"The library hashes the parsed JSON after serializing it again, which are not the bytes that the sender signed. Lark's Go library hashes the bytes.",
		},
		{
			[]string{"a space behind the body"},
			"lark", library, hookonce,
			"For the same reason, the library does not notice changes that JSON ignores.",
		},
		{
			[]string{"escapes", "CRLF"},
			"crisp", hookonce, both,
			"The library hashes the parsed JSON after serializing it again, so it refuses bytes that `JSON.stringify` does not write.",
		},
		{
			[]string{"a space behind the body"},
			"crisp", library, hookonce,
			"For the same reason, the library does not notice changes that JSON ignores.",
		},
		{
			[]string{"a space behind the body"},
			"kinde wix", library, hookonce,
			"The decoder for the token in the body skips spaces. The sender writes no spaces, so any that arrive were added in transit.",
		},
		{
			[]string{"a letter of the body changed", "a space behind the body"},
			"vonage", library, hookonce,
			"`verifySignature` checks only the token and leaves `payload_hash` to the caller. hookonce compares `payload_hash` with the body.",
		},
		{
			[]string{"a form with a parameter twice"},
			"twilio.go", hookonce, hookonce,
			"The library takes a map with one value for each parameter. Twilio's JavaScript library signs and accepts all values.",
		},
		{
			[]string{"two signatures, the second fits"},
			"braintree buildkite.go hygraph paddle.go retell sanity workos", hookonce, hookonce,
			"The library reads only one signature, or one under its public key, so it refuses messages during a rotation. Accepting a further signature accepts nothing that was not signed with a configured key.",
		},
		{
			[]string{"4 minutes old"},
			"paddle", hookonce, hookonce,
			"The library allows 5 seconds, which a queue or a slow clock exceeds. hookonce allows 5 minutes, since it recognizes a replay within that time anyway.",
		},
		{
			[]string{"4 minutes old"},
			"linear", hookonce, hookonce,
			"The library allows a minute. Linear does not document that a retry has a new timestamp, so hookonce allows for the duration of its retries, and recognizes replays.",
		},
		{
			[]string{"4 minutes ahead"},
			"box livekit qstash", hookonce, hookonce,
			"The library does not allow the sender's clock to be ahead. hookonce allows as much for the future as for the past, so nothing is refused because the receiver's clock is slow.",
		},
		{
			[]string{"4 minutes ahead"},
			"contentful workos", library, hookonce,
			"The library limits only the past, to 30 seconds and 3 minutes. hookonce also limits the future.",
		},
		{
			[]string{"a day ahead"},
			"contentful gr4vy hubspot mailchannels messagebird mux paddle slack stripe stripe.go workos", library, hookonce,
			"The library limits only the past. A message with such a timestamp stays valid until that time, for longer than any store keeps its record.",
		},
		{
			[]string{"a day old", "a day ahead"},
			"buildkite.go crisp discord hygraph lark mailgun.go mercadopago paddle.go replicate sanity sendgrid sendgrid.go sinch webflow", library, hookonce,
			"The library does not check the timestamp, or checks it only on request, and leaves that to the caller.",
		},
		{
			[]string{"a day ahead"},
			"vonage", library, hookonce,
			"A token without `exp` never expires, and the library ignores `iat`.",
		},
		{
			[]string{"the signature in capitals"},
			"buildkite.go creem discord gitea.go github.go gocardless hook0 lettermint mailgun.go notion onfido pagerduty.go pusher.go retell slack.go stripe.go",
			library, hookonce,
			"This is another spelling of the same signature. The sender writes lower-case letters, so any other spelling was introduced in transit.",
		},
		{
			[]string{"the signature without its padding"},
			"adyen adyen-platform box line mailchannels openai polar portone sendgrid", library, hookonce,
			"The base64 decoder is lenient. The sender writes the padding, so a signature without it was changed in transit.",
		},
		{
			[]string{"the signature repeated"},
			"adyen adyen-platform box line mailchannels openai sendgrid", library, hookonce,
			"The base64 decoder stops at the padding, so anything may follow it.",
		},
	}
}
