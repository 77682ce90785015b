package main

import (
	"flag"
	"slices"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
)

// common are the flags of all commands.
type common struct {
	scheme      string
	settings    schemes.Settings
	handshakes  bool
	secrets     list
	secretFiles list
	trimmed     []string // the secret files whose white space was left out
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
	f.Var(&c.secrets, "secret", "a `SECRET`, or a public key, exactly as given; may be repeated.\nIt can be seen in the list of processes: prefer --secret-file")
	f.Var(&c.secretFiles, "secret-file",
		"a `FILE` with secrets, separated by white space; may be repeated. Without it: the variable WEBHOOK_SECRET")
	f.Int64Var(&c.now, "now", 0, "the time to go by, in `SECONDS` since 1970, for a request that was captured earlier. Default: the clock's")
	f.StringVar(&c.settings.URL, "url", "", "the public `URL` of the endpoint as it is registered at the sender, for schemes that sign it")
	f.StringVar(&c.settings.Header, "scheme-header", "",
		"the `NAME` of a header: token: where it stands; hook0: one that must be signed; eventgrid: the parameter of the URL")
	f.StringVar(&c.settings.Prefix, "scheme-prefix", "", "token: the `TEXT` in front of it, as in \"Bearer \"")
	f.StringVar(&c.settings.VerifyToken, "verify-token", "", "lark, meta, whatsapp: the `TOKEN` of the handshake")
	f.StringVar(&c.settings.Audience, "audience", "", "pubsub: the `AUDIENCE` of its tokens")
	f.BoolVar(&c.settings.Sandbox, "sandbox", false, "plaid: its sandbox")
	f.BoolVar(&c.handshakes, "answer-handshakes", false,
		"dropbox, graph, okta, sns, woocommerce, x: answer a sender that asks for the endpoint before it signs anything")
	f.BoolVar(&c.settings.DangerouslyReplayable, "dangerously-replayable", false,
		"accept a scheme that cannot tell a message from its replay or forgery; rfc9421: signatures whatever they cover")
	return c
}

func schemeFlag(f *flag.FlagSet, to *string) {
	f.StringVar(to, "scheme", "standard", "the `NAME` of the sender's scheme. Default: standard. There are\n"+strings.Join(wrapped(schemes.Names()), "\n"))
}

// wrapped has a list on lines that a terminal can hold.
func wrapped(names []string) []string {
	lines := []string{names[0]}
	for _, name := range names[1:] {
		if last := len(lines) - 1; len(lines[last])+len(name) < 110 {
			lines[last] += ", " + name
		} else {
			lines[last] += ","
			lines = append(lines, name)
		}
	}
	return lines
}

func jsonFlag(f *flag.FlagSet, to *bool) {
	f.BoolVar(to, "json", false, "write the result as JSON, one object a line. Notes and wrong usage stay text, on standard error")
}

// newScheme makes the scheme. url is what to go by without --url; empty:
// nothing.
func (c *common) newScheme(url string) (core.Scheme, error) {
	if !slices.Contains(schemes.Names(), c.scheme) {
		return nil, noSuch("--scheme", c.scheme, schemes.Names())
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

// asFlags says of flags what a package says of its settings.
func asFlags(text string) string {
	return strings.NewReplacer(
		"Settings.DangerouslyReplayable", "--dangerously-replayable", "no URL:", "no --url:", "Header is missing", "--scheme-header is missing",
		"Config.MaxBody", "--max-body", "Config.Past", "--past", "Config.Future", "--future",
		"not that of the configured URL", "not that of --url: give the address the same",
	).Replace(strings.TrimPrefix(text, "schemes: "))
}

// texts are the secrets. With asIs a variable that holds one is taken as it is,
// with the white space around it, as a program would read it.
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
		return nil, usageError("no secret: set WEBHOOK_SECRET, or give --secret-file FILE")
	case len(fields) == 1 && asIs:
		return []string{text}, nil
	}
	return fields, nil
}

// secretFile reads one of the files that --secret-file and --other name. whole
// says that the file is one secret and nothing else: no white space was left
// out.
func secretFile(c *console, name, flagName string) (fields []string, whole bool, err error) {
	text, err := c.read(name, flagName)
	if err != nil {
		return nil, false, err
	}
	fields = strings.Fields(string(text))
	if len(fields) == 0 {
		return nil, false, usageError(flagName + ": the file is empty: put the secret into it")
	}
	return fields, len(fields) == 1 && fields[0] == string(text), nil
}

// at is the time to go by.
func (c *common) at() time.Time {
	if c.now != 0 {
		return time.Unix(c.now, 0)
	}
	return time.Now() //nolint:forbidigo // the one place where the clock comes from, unless --now says otherwise
}

// clock is one that goes on from there.
func (c *common) clock() func() time.Time {
	start := c.at()
	began := time.Now() //nolint:forbidigo // only what has passed since counts
	return func() time.Time { return start.Add(time.Since(began)) }
}

// receiver are the flags of commands that verify.
type receiver struct {
	*common

	past, future time.Duration
	maxBody      int64
	others       list
	otherTexts   [][]string // what their files have
	placeholders bool
}

func receiverFlags(f *flag.FlagSet) *receiver {
	r := &receiver{common: commonFlags(f)}
	f.DurationVar(&r.past, "past", 0, "how old a timestamp may be, as a `DURATION` like 5m. Default: what the scheme prescribes")
	f.DurationVar(&r.future, "future", 0, "how far a timestamp may lie ahead, as a `DURATION`. Default: what the scheme prescribes")
	f.BoolVar(&r.placeholders, "dangerously-accept-placeholders", false, "accept secrets such as \"secret\", as published test vectors have them")
	f.Int64Var(&r.maxBody, "max-body", 0, "the largest body accepted, in `BYTES`. Default: 1048576")
	return r
}

// otherFlag is for commands that explain.
func (r *receiver) otherFlag(f *flag.FlagSet) {
	f.Var(&r.others, "other",
		"`NAME=FILE`: a file with secrets of another tenant, endpoint or environment, to find out whether the message is for it;\nmay be repeated")
}

func (r *receiver) config(scheme core.Scheme, clock func() time.Time) *core.Config {
	// These commands keep no records beyond their own end.
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
			return nil, usageError("--other is NAME=FILE, such as --other test=test-secret.txt")
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
