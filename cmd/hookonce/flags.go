package main

import (
	"flag"
	"slices"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
)

// common holds the flags of all commands.
type common struct {
	scheme      string
	settings    schemes.Settings
	handshakes  bool
	secrets     list
	secretFiles list
	trimmed     []string // the secret files from which white space was trimmed
	now         int64
	json        bool
}

// list is a flag that may be repeated.
type list []string

func (l *list) String() string         { return "" }
func (l *list) Set(value string) error { *l = append(*l, value); return nil }

func commonFlags(f *flag.FlagSet) *common {
	c := new(common)
	schemeFlag(f, &c.scheme)
	jsonFlag(f, &c.json)
	f.Var(&c.secrets, "secret", "a `SECRET` or public key, used exactly as given; may be repeated. Other users can see it in the process list: prefer --secret-file")
	f.Var(&c.secretFiles, "secret-file",
		"a `FILE` of secrets, separated by white space; may be repeated. Default: the environment variable WEBHOOK_SECRET")
	f.Int64Var(&c.now, "now", 0, "the time to use instead of the clock, in `SECONDS` since 1970. For a captured request, the time at which it arrived")
	f.StringVar(&c.settings.URL, "url", "", "the endpoint's public `URL` as registered with the sender, for schemes that sign it")
	f.StringVar(&c.settings.Header, "scheme-header", "",
		"a `NAME`. token: the header with the token; hook0: a header that must be signed; eventgrid: the URL parameter with the secret")
	f.StringVar(&c.settings.Prefix, "scheme-prefix", "", "token: the `TEXT` before the token, such as \"Bearer \"")
	f.StringVar(&c.settings.VerifyToken, "verify-token", "", "lark, meta, whatsapp: the `TOKEN` of the handshake")
	f.StringVar(&c.settings.Audience, "audience", "", "pubsub: the expected `AUDIENCE` of the tokens")
	f.BoolVar(&c.settings.Sandbox, "sandbox", false, "plaid: use the sandbox environment")
	f.BoolVar(&c.handshakes, "answer-handshakes", false,
		"dropbox, graph, okta, sns, woocommerce, x: respond when the sender checks the endpoint, before it sends any signed message")
	f.BoolVar(&c.settings.DangerouslyReplayable, "dangerously-replayable", false,
		"accept a scheme that cannot distinguish a message from a replay or forgery; rfc9421: accept signatures regardless of what they cover")
	return c
}

func schemeFlag(f *flag.FlagSet, to *string) {
	f.StringVar(to, "scheme", "standard", "the `NAME` of the sender's scheme; hookonce schemes lists them all. Default: standard")
}

func jsonFlag(f *flag.FlagSet, to *bool) {
	f.BoolVar(to, "json", false, "write the result as JSON, one object per line. Notes and errors are still text, on standard error")
}

// newScheme returns the scheme. url is the default for --url, and may be empty.
func (c *common) newScheme(url string) (core.Scheme, error) {
	if !slices.Contains(schemes.Names(), c.scheme) {
		return nil, usageError("--scheme has an unknown value: " + didYouMeanScheme(c.scheme) + "hookonce schemes lists them all")
	}
	s := c.settings
	if s.URL == "" {
		s.URL = url
	}
	if c.handshakes {
		s.Handshake = schemes.AnswerHandshakes
	}
	scheme, err := schemes.New(c.scheme, s)
	if err != nil {
		return nil, usageError(asFlags(err.Error()))
	}
	return scheme, nil
}

// asFlags replaces the names of settings in an error with the names of the
// flags.
func asFlags(text string) string {
	return strings.NewReplacer(
		"Settings.DangerouslyReplayable", "--dangerously-replayable",
		"the URL is empty", "--url is missing", "the URL must be an address", "--url must be an address", "Header is missing", "--scheme-header is missing",
		"Config.MaxBody", "--max-body", "Config.Past", "--past", "Config.Future", "--future",
		"the configured URL: is the URL configured as it is registered with the sender?", "--url: give the same query in --url",
	).Replace(strings.TrimPrefix(text, "schemes: "))
}

// texts returns the secrets. If asIs is true and WEBHOOK_SECRET contains a
// single secret, texts keeps the white space around it, as a program would read
// it.
func (c *common) texts(con *console, asIs bool) ([]string, error) {
	all := slices.Clone([]string(c.secrets))
	for _, name := range c.secretFiles {
		texts, whole, err := secretFile(con, name, "--secret-file")
		if err != nil {
			return nil, err
		}
		if !whole {
			c.trimmed = append(c.trimmed, name)
		}
		all = append(all, texts...)
	}
	if len(c.secrets)+len(c.secretFiles) > 0 {
		return all, nil
	}
	text, _ := con.env("WEBHOOK_SECRET")
	fields := strings.Fields(text)
	switch {
	case len(fields) == 0:
		return nil, usageError("the secret is missing: set WEBHOOK_SECRET, or give --secret-file FILE")
	case len(fields) == 1 && asIs:
		return []string{text}, nil
	}
	return fields, nil
}

// secretFile reads one of the files that --secret-file and --other name. whole
// reports that the file contains exactly one secret, without white space.
func secretFile(c *console, name, flagName string) (fields []string, whole bool, err error) {
	text, err := c.read(name, flagName)
	if err != nil {
		return nil, false, err
	}
	fields = strings.Fields(string(text))
	if len(fields) == 0 {
		return nil, false, usageError(flagName + ": the input is empty or only white space: put the secret into it")
	}
	return fields, len(fields) == 1 && fields[0] == string(text), nil
}

// at returns the current time, or --now.
func (c *common) at() time.Time {
	if c.now != 0 {
		return time.Unix(c.now, 0)
	}
	return time.Now() //nolint:forbidigo // the only place that reads the clock, unless --now overrides it
}

// clock returns a clock that starts at c.at.
func (c *common) clock() func() time.Time {
	start := c.at()
	began := time.Now() //nolint:forbidigo // only the elapsed time counts
	return func() time.Time { return start.Add(time.Since(began)) }
}

// receiver holds the flags of commands that verify.
type receiver struct {
	*common

	past, future time.Duration
	maxBody      int64
	others       list
	otherTexts   [][]string // the secrets in their files
	placeholders bool
}

func receiverFlags(f *flag.FlagSet) *receiver {
	r := &receiver{common: commonFlags(f)}
	f.DurationVar(&r.past, "past", 0, "how old a timestamp may be, as a `DURATION` such as 5m. Default: the scheme's")
	f.DurationVar(&r.future, "future", 0, "how far in the future a timestamp may be, as a `DURATION` such as 5m. Default: the scheme's")
	f.BoolVar(&r.placeholders, "dangerously-accept-placeholders", false, "accept placeholder secrets, such as \"secret\" in published test vectors")
	f.Int64Var(&r.maxBody, "max-body", 0, "the size limit for the body, in `BYTES`. Default: 1048576")
	return r
}

// otherFlag declares --other, for commands that explain.
func (r *receiver) otherFlag(f *flag.FlagSet) {
	f.Var(&r.others, "other",
		"another tenant, endpoint or environment and a file with its secrets, as `NAME=FILE`, to check whether the message is meant for it; may be repeated")
}

func (r *receiver) config(scheme core.Scheme, clock func() time.Time) *core.Config {
	// These commands keep no records after they exit.
	return &core.Config{
		Scheme: scheme, Past: r.past, Future: r.future, MaxBody: r.maxBody, Clock: clock, DangerouslyReplayableAfterRestart: true,
		DangerouslyAcceptPlaceholders: r.placeholders,
	}
}

func (r *receiver) othersKeys(c *console) (map[string]*core.Keys, error) {
	all := make(map[string]*core.Keys)
	for _, text := range r.others {
		name, file, ok := strings.Cut(text, "=")
		if !ok || name == "" || len(name) > 64 || file == "" {
			return nil, usageError("--other must be NAME=FILE, with a name of at most 64 bytes, such as --other test=test-secret.txt")
		}
		texts, _, err := secretFile(c, file, "--other")
		if err != nil {
			return nil, err
		}
		all[name] = core.Secrets(texts...)
		r.otherTexts = append(r.otherTexts, texts)
	}
	return all, nil
}
