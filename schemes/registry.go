package schemes

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/nearest"
)

// Settings holds what some schemes need besides a secret: see their
// constructors. For the other schemes, use the zero value.
type Settings struct {
	// URL is the endpoint's public URL as registered with the sender, for
	// schemes that sign it.
	URL string
	// Sandbox selects Plaid's sandbox instead of production.
	Sandbox bool
	// VerifyToken is the token in the handshakes of Meta and Lark.
	VerifyToken string
	// Audience is the audience of Pub/Sub tokens.
	Audience string
	// For the token scheme, Header names the header that holds the token, and
	// Prefix is the text before it. For Hook0, Header is a header that must be
	// signed. For Event Grid, Header is the URL parameter that holds the
	// secret.
	Header, Prefix string
	// Handshake says whether the endpoint responds to handshakes that do not
	// authenticate their sender.
	Handshake Handshake
	// DangerouslyReplayable allows a scheme that cannot detect replays or
	// forgeries. See the constructors that begin with Dangerously. With rfc9421
	// it accepts signatures regardless of what they cover.
	DangerouslyReplayable bool
}

// New returns the scheme with this name, for configuration files and command
// lines. If the name is unknown, the error suggests the nearest name and lists
// all names. If a setting is missing, the error names the setting.
func New(name string, s Settings) (core.Scheme, error) {
	entry, ok := lookUp(name)
	if !ok {
		names := Names()
		near := nearest.Sender(name, names)
		if near != "" {
			near = "did you mean " + near + "? "
		}
		return nil, fmt.Errorf("schemes: unknown scheme %q: %schoose one of %s", name, near, strings.Join(names, ", "))
	}
	if entry.dangerous && !s.DangerouslyReplayable {
		return nil, fmt.Errorf("schemes: %s cannot distinguish a message from a replay or a forgery: set Settings.DangerouslyReplayable to use it anyway", name)
	}
	scheme := entry.make(s)
	if err := core.FactsOf(scheme).Mistake; err != nil {
		return nil, fmt.Errorf("schemes: %s: %w", name, err)
	}
	return scheme, nil
}

// Names returns the names that [New] accepts, sorted.
func Names() []string {
	names := standardSenders()
	for _, e := range withSettings() {
		names = append(names, e.name)
	}
	for _, e := range plainSenders() {
		names = append(names, e.name)
	}
	slices.Sort(names)
	return names
}

// The registry consists of slices that functions return, not of package variables. So a program
// that does not call New links none of the schemes listed here.

type registered struct {
	name      string
	make      func(Settings) core.Scheme
	dangerous bool
}

func lookUp(name string) (registered, bool) {
	for _, e := range plainSenders() {
		if e.name == name {
			return registered{name, func(Settings) core.Scheme { return e.make() }, false}, true
		}
	}
	if slices.Contains(standardSenders(), name) {
		// This is one scheme under many names. Replay keys contain the scheme's own name, not this
		// one.
		return registered{name, func(Settings) core.Scheme { return core.StandardWebhooks{} }, false}, true
	}
	for _, e := range withSettings() {
		if e.name == name {
			return e, true
		}
	}
	return registered{}, false
}

// withSettings returns the schemes that depend on settings, and the dangerous
// ones, which need Settings.DangerouslyReplayable.
func withSettings() []registered {
	return []registered{
		{"square", func(s Settings) core.Scheme { return Square(s.URL) }, false},
		{"hubspot", func(s Settings) core.Scheme { return HubSpot(s.URL) }, false},
		{"twilio", func(s Settings) core.Scheme { return Twilio(s.URL) }, false},
		{"plivo", func(s Settings) core.Scheme { return Plivo(s.URL) }, false},
		{"truelayer", func(s Settings) core.Scheme { return TrueLayer(s.URL) }, false},
		{"trello", func(s Settings) core.Scheme { return Trello(s.URL, s.Handshake) }, false},
		{"mandrill", func(s Settings) core.Scheme { return Mandrill(s.URL) }, false},
		{"messagebird", func(s Settings) core.Scheme { return MessageBird(s.URL) }, false},
		{"contentful", func(s Settings) core.Scheme { return Contentful(s.URL) }, false},
		{"nylas", func(s Settings) core.Scheme { return Nylas(s.Handshake) }, false},
		{"meta", func(s Settings) core.Scheme { return Meta(s.VerifyToken) }, false},
		// This is a second name for the same scheme, so messages under both names share replay
		// keys.
		{"whatsapp", func(s Settings) core.Scheme { return Meta(s.VerifyToken) }, false},
		{"lark", func(s Settings) core.Scheme { return Lark(s.VerifyToken) }, false},
		{"notion", func(Settings) core.Scheme { return Notion(nil) }, false},
		{"braintree", func(s Settings) core.Scheme { return Braintree(s.Handshake) }, false},
		{"linkedin", func(s Settings) core.Scheme { return LinkedIn(s.Handshake) }, false},
		{"x", func(s Settings) core.Scheme { return X(s.Handshake) }, false},
		{"woocommerce", func(s Settings) core.Scheme { return WooCommerce(s.Handshake) }, false},
		{"asana", func(Settings) core.Scheme { return Asana(nil) }, false},
		{"hook0", func(s Settings) core.Scheme { return hook0For(s.Header) }, false},
		{"sns", func(s Settings) core.Scheme { return SNS(SNSOptions{Handshake: s.Handshake}) }, false},
		{"plaid", func(s Settings) core.Scheme { return Plaid(PlaidOptions{Sandbox: s.Sandbox}) }, false},
		{"paypal", func(Settings) core.Scheme { return DangerouslyForgeablePayPal(PayPalOptions{}) }, true},
		{"pubsub", func(s Settings) core.Scheme { return DangerouslyReplayablePubSub(PubSubOptions{Audience: s.Audience}) }, true},
		// This scheme is not dangerous by itself: the setting only turns off its checks.
		{"rfc9421", func(s Settings) core.Scheme {
			return HTTPSignatures(SignatureProfile{URL: s.URL, DangerouslyAnyComponents: s.DangerouslyReplayable})
		}, false},
		{"token", func(s Settings) core.Scheme { return DangerouslyReplayableToken("token", s.Header, s.Prefix) }, true},
		{"auth0", func(Settings) core.Scheme { return DangerouslyReplayableToken("auth0", "Authorization", "") }, true},
		{"chargebee", func(Settings) core.Scheme { return DangerouslyReplayableBasicAuth("chargebee") }, true},
		{"postmark", func(Settings) core.Scheme { return DangerouslyReplayableBasicAuth("postmark") }, true},
		{"gitlab-token", func(Settings) core.Scheme {
			return DangerouslyReplayableGitLabToken()
		}, true},
		{"okta", func(s Settings) core.Scheme { return DangerouslyReplayableOkta(s.Handshake) }, true},
		{"graph", func(s Settings) core.Scheme { return DangerouslyReplayableGraph(s.Handshake) }, true},
		{"eventgrid", func(s Settings) core.Scheme { return DangerouslyReplayableEventGrid(s.Header) }, true},
		{"dropbox", func(s Settings) core.Scheme { return DangerouslyReplayableDropbox(s.Handshake) }, true},
	}
}

type plainSender struct {
	name string
	make func() core.Scheme
}

// plainSenders returns the schemes that need no settings.
func plainSenders() []plainSender {
	return []plainSender{
		{"ably", Ably},
		{"acuity", Acuity},
		{"adyen", Adyen},
		{"adyen-platform", AdyenPlatform},
		{"affirm", Affirm},
		{"aftership", AfterShip},
		{"airship", Airship},
		{"airtable", Airtable},
		{"alchemy", Alchemy},
		{"attio", Attio},
		{"authorizenet", AuthorizeNet},
		{"autodesk", Autodesk},
		{"bitbucket", Bitbucket},
		{"bland", Bland},
		{"bolt", Bolt},
		{"box", Box},
		{"btcpay", BTCPay},
		{"buildkite", Buildkite},
		{"calcom", CalCom},
		{"calendly", Calendly},
		{"cashfree", Cashfree},
		{"chargify", Chargify},
		{"chargily", Chargily},
		{"chatwoot", Chatwoot},
		{"checkout", Checkout},
		{"circle", Circle},
		{"circleci", CircleCI},
		{"clickup", ClickUp},
		{"close", Close},
		{"cloudflare-stream", CloudflareStream},
		{"coinbase-cdp", CoinbaseCDP},
		{"coinbase-commerce", CoinbaseCommerce},
		{"commercelayer", CommerceLayer},
		{"creem", Creem},
		{"crisp", Crisp},
		{"cursor", Cursor},
		{"customerio", CustomerIO},
		{"discord", Discord},
		{"docusign", DocuSign},
		{"dub", Dub},
		{"dwolla", Dwolla},
		{"easypost", EasyPost},
		{"elevenlabs", ElevenLabs},
		{"fastspring", FastSpring},
		{"finch", Finch},
		{"fireblocks", Fireblocks},
		{"flutterwave", Flutterwave},
		{"formstack", Formstack},
		{"fourthwall", Fourthwall},
		{"front", Front},
		{"fusionauth", FusionAuth},
		{"gitea", Gitea},
		{"github", GitHub},
		{"gocardless", GoCardless},
		{"gogs", Gogs},
		{"gr4vy", Gr4vy},
		{"helpscout", HelpScout},
		{"heroku", Heroku},
		{"hookdeck", Hookdeck},
		{"hygraph", Hygraph},
		{"intercom", Intercom},
		{"jira", Jira},
		{"kick", Kick},
		{"kinde", Kinde},
		{"klarna", Klarna},
		{"kontent", Kontent},
		{"launchdarkly", LaunchDarkly},
		{"lemonsqueezy", LemonSqueezy},
		{"lettermint", Lettermint},
		{"line", LINE},
		{"linear", Linear},
		{"livekit", LiveKit},
		{"mailchannels", MailChannels},
		{"mailerlite", MailerLite},
		{"mailgun", Mailgun},
		{"mautic", Mautic},
		{"mercadopago", MercadoPago},
		{"mercury", Mercury},
		{"metronome", Metronome},
		{"moderntreasury", ModernTreasury},
		{"mollie", Mollie},
		{"mongodb-atlas", MongoDBAtlas},
		{"mux", Mux},
		{"netlify", Netlify},
		{"npm", NPM},
		{"onfido", Onfido},
		{"onfleet", Onfleet},
		{"orb", Orb},
		{"paddle", Paddle},
		{"pagerduty", PagerDuty},
		{"pandadoc", PandaDoc},
		{"payos", PayOS},
		{"paystack", Paystack},
		{"persona", Persona},
		{"polar", Polar},
		{"primer", Primer},
		{"pusher", Pusher},
		{"qstash", QStash},
		{"quickbooks", QuickBooks},
		{"ramp", Ramp},
		{"razorpay", Razorpay},
		{"recurly", Recurly},
		{"retell", Retell},
		{"revenuecat", RevenueCat},
		{"sanity", Sanity},
		{"savvycal", SavvyCal},
		{"segment", Segment},
		{"sendgrid", SendGrid},
		{"sentry", Sentry},
		{"shippo", Shippo},
		{"shopify", Shopify},
		{"sinch", Sinch},
		{"slack", Slack},
		{"snyk", Snyk},
		{"squarespace", Squarespace},
		{"stream", Stream},
		{"stripe", Stripe},
		{"surveymonkey", SurveyMonkey},
		{"taiga", Taiga},
		{"tally", Tally},
		{"teams", Teams},
		{"telnyx", Telnyx},
		{"terraform", Terraform},
		{"tiktok", TikTok},
		{"twitch", Twitch},
		{"typeform", Typeform},
		{"vercel", Vercel},
		{"vonage", Vonage},
		{"webex", Webex},
		{"webflow", Webflow},
		{"wechatpay", WeChatPay},
		{"whereby", Whereby},
		{"whop", Whop},
		{"wise", Wise},
		{"wix", Wix},
		{"workos", WorkOS},
		{"xero", Xero},
		{"zendesk", Zendesk},
		{"zoom", Zoom},
	}
}

// standardSenders returns the names of senders that follow Standard Webhooks,
// with webhook-* or svix-* headers. "gitlab" stands for GitLab's signing token.
func standardSenders() []string {
	return []string{
		"standard", "anthropic", "brex", "clerk", "dodo", "etsy", "gemini", "gitlab", "incident-io", "kong", "lithic", "liveblocks", "loops", "openai", "portone",
		"recall", "render", "replicate", "resend", "stytch", "supabase", "svix",
	}
}

// hook0For requires a header, unlike [Hook0]. Without one, a configuration file
// would silently accept messages that sign no header.
func hook0For(header string) core.Scheme {
	if header == "" {
		return unusable{"hook0", errors.New("Header is missing: set it to a header that every message must sign, such as X-Event-Id")}
	}
	return Hook0(header)
}
