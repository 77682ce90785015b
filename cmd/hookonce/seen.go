package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/stores/redisstore"
	"github.com/hookonce/hookonce/stores/sqlstore"
)

func seenCommand() command {
	return command{
		name: "seen", does: "show or forget the record of a message",
		example:  "hookonce seen show --store redis://localhost:6379 --namespace orders --id msg_2tVqQNoBzGJ4",
		argument: "show|forget", words: seenVerbs(),
		more: "show prints the store's record of a message: none, claimed, released (its handler failed) or done. It changes nothing.\n\nforget " +
			"releases a handled message, so that the sender's next attempt runs the handler again. Ask the sender for another attempt. A claimed " +
			"message cannot be forgotten, because its handler may be running. A dead process's claim expires.\n\nIf the scheme signs the id, name the " +
			"message with --id. Otherwise use --key with the key from the log, or --request and the secret. hookonce reaches SQL databases through " +
			"their own clients: psql, mysql or mariadb, and sqlite3.\n\nThe exit status is 1 if show finds no record or forget forgets nothing.",
		setUp: func(f *flag.FlagSet) action {
			s := &seen{receiver: receiverFlags(f), captured: capturedFlags(f)}
			f.StringVar(&s.store, "store", "", "the `URL` of the store: redis:// or rediss://USER:PASSWORD@HOST:PORT/DB, postgres://, mysql://, or sqlite:PATH. "+
				"Other users can see it in the process list: if it has a password, prefer the environment variable HOOKONCE_STORE")
			f.StringVar(&s.namespace, "namespace", "", "the namespace `NAME` that your program gives its store, as in redisstore.New(\"orders\", …)")
			f.StringVar(&s.source, "source", "", "the `NAME` of the tenant or endpoint, \"source\" in the log. Default: none, as with core.Secrets without From")
			f.StringVar(&s.id, "id", "", "the message `ID`, exactly as the sender shows it")
			f.StringVar(&s.key, "key", "", "the `KEY` of the record, \"key\" in the log, for messages whose id is not signed")
			return func(ctx context.Context, c *console) error { return s.run(ctx, c, f.Args()) }
		},
	}
}

const (
	seenShow   = "show"
	seenForget = "forget"
)

func seenVerbs() []string { return []string{seenShow, seenForget} }

type seen struct {
	*receiver
	*captured

	store, namespace, source, id, key string
}

// seenRecord is the result in JSON.
type seenRecord struct {
	State     string     `json:"state"`
	Message   string     `json:"message"`
	Since     *time.Time `json:"claimed_since,omitempty"`
	Until     *time.Time `json:"claimed_until,omitempty"`
	Newest    *time.Time `json:"newest_attempt,omitempty"`
	WindowEnd *time.Time `json:"replay_window_end,omitempty"`
	Status    int        `json:"status,omitempty"`
	Messages  int        `json:"messages,omitempty"`
	Reruns    int        `json:"reruns,omitempty"`
	Next      string     `json:"next_attempt"`
	Forgotten bool       `json:"forgotten,omitempty"`
}

func (s *seen) run(ctx context.Context, c *console, words []string) error {
	switch {
	case len(words) != 1:
		return usageError("give either show or forget")
	case !slices.Contains(seenVerbs(), words[0]):
		return noSuch("unknown argument", words[0], seenVerbs())
	}
	store, done, err := s.open(c)
	if err != nil {
		return err
	}
	defer done()
	name, key, err := s.message(ctx, c)
	if err != nil {
		return err
	}
	scheme, err := s.newScheme("")
	if err != nil {
		return err
	}
	v, err := core.New(noKeys(), store, s.config(scheme, nil))
	if err != nil {
		return usageError(asFlags(plain(err)))
	}
	look := func() (core.Record, error) {
		if key != (core.Key{}) {
			return v.LookKey(ctx, key)
		}
		return v.Look(ctx, s.source, name)
	}
	before, err := look()
	if err != nil {
		return err
	}
	if words[0] == seenShow {
		s.print(c, said(name, &before))
		if before.State == 0 {
			return errRefused
		}
		return nil
	}
	if before.State == core.Claimed {
		return fmt.Errorf("nothing was forgotten, because the message is claimed. If its process is dead, the next attempt after %s runs the handler", clock(before.Until))
	}
	if key != (core.Key{}) {
		err = v.ForgetKey(ctx, key)
	} else {
		err = v.Forget(ctx, s.source, name)
	}
	if err != nil {
		return err
	}
	result := said(name, &before)
	result.Forgotten, result.Next = true, "runs the handler again: ask the sender to send the message again"
	s.print(c, result)
	return nil
}

// noKeys returns a key source for a verifier that does not verify.
func noKeys() core.KeySource {
	return core.KeySourceFunc(func(context.Context, *core.Request) (string, *core.Keys, error) {
		return "", nil, errors.New("this command has no keys")
	})
}

// open opens the store. No error quotes the URL, which may contain a password.
func (s *seen) open(c *console) (store core.SeenStore, done func(), err error) {
	text := s.store
	if text == "" {
		text, _ = c.env("HOOKONCE_STORE")
	}
	if text == "" {
		return nil, nil, usageError("the store is missing: give --store URL, or set HOOKONCE_STORE")
	}
	if s.namespace == "" {
		return nil, nil, usageError("the namespace is missing: give --namespace as in the program's redisstore.New or sqlstore.New")
	}
	at, err := url.Parse(text)
	if err != nil {
		return nil, nil, usageError("--store is not a valid URL: if the password has special characters, escape them, such as / as %2F")
	}
	known := []string{"redis", "rediss", "postgres", "postgresql", "mysql", "mariadb", "sqlite"}
	switch {
	case !slices.Contains(known, at.Scheme):
		return nil, nil, usageError("--store: " + didYouMean(at.Scheme, known) + "choose redis://, rediss://, postgres://, mysql:// or sqlite:")
	case at.Fragment != "" || strings.HasSuffix(text, "#"):
		return nil, nil, usageError("--store: the URL has a #, which would end the URL: escape the # as %23")
	case at.Scheme != "sqlite" && at.Host == "":
		return nil, nil, usageError("--store: the URL has no host")
	case at.RawQuery != "" && !strings.HasPrefix(at.Scheme, "postgres"):
		return nil, nil, usageError("--store: only postgres:// URLs accept query parameters. For MySQL, set options, including TLS, in the client's option file")
	case strings.HasPrefix(at.Scheme, "redis"):
		client := newRedisClient(at)
		return redisstore.NewFunc(s.namespace, client.do), client.close, nil
	}
	engine, err := newSQLEngine(at)
	if err != nil {
		return nil, nil, err
	}
	db, err := engine.open()
	if err != nil {
		return nil, nil, err
	}
	return sqlstore.New(s.namespace, db, engine.dialect), func() { _ = db.Close() }, nil
}

// message returns the message of the flags. name is a signed id, or the text of
// the record's key.
func (s *seen) message(ctx context.Context, c *console) (name string, key core.Key, err error) {
	given := 0
	for _, text := range []string{s.id, s.key, s.request} {
		if text != "" {
			given++
		}
	}
	switch {
	case given != 1:
		return "", key, usageError("give exactly one of --id, --key and --request")
	case s.key != "":
		if err := key.UnmarshalText([]byte(s.key)); err != nil {
			return "", key, usageError("--key: " + plain(err))
		}
		return s.key, key, nil
	case s.request != "":
		return s.ofRequest(ctx, c)
	case strings.TrimSpace(s.id) != s.id:
		return "", key, usageError("--id has white space around it: give the id exactly as the sender shows it")
	}
	return s.id, key, nil
}

// ofRequest is message for a captured request, as a verifier reads it.
func (s *seen) ofRequest(ctx context.Context, c *console) (name string, key core.Key, err error) {
	r, err := s.read(c)
	if err != nil {
		return "", key, err
	}
	scheme, err := s.newScheme(r.Address())
	if err != nil {
		return "", key, err
	}
	texts, err := s.texts(c, false)
	if err != nil {
		return "", key, err
	}
	s.tell(c, r)
	now := s.at()
	cfg := s.config(scheme, func() time.Time { return now })
	var event core.Event
	cfg.Observe = func(_ context.Context, e core.Event) { event = e }
	v, err := core.New(core.Secrets(texts...).From(s.source), new(scratch), cfg)
	if err != nil {
		return "", key, usageError(asFlags(plain(err)))
	}
	d := v.Admit(ctx, &r.Request, wholeBody(r.Body))
	if d.Answer() == nil {
		d.Settle(200) //nolint:contextcheck // the delivery has the context
	}
	m, ok := d.Message()
	switch {
	case !ok && d.Err() != nil:
		s.remind(c, d.Err().Reason)
		return "", key, fmt.Errorf("--request: the receiver refuses the request, so its record cannot be found: %s", plain(d.Err()))
	case !ok:
		return "", key, errors.New("--request: the request is a handshake, which leaves no record")
	case m.IDSigned && m.ID != "":
		return m.ID, key, nil
	}
	text, _ := event.Key.MarshalText()
	return string(text), event.Key, nil
}

// wholeBody is the body of a capture.
type wholeBody []byte

// ReadBody implements core.BodyReader.
func (b wholeBody) ReadBody(int64, time.Duration) ([]byte, error) { return b, nil }

// scratch is a store for one request. Unlike in memstore, its keys are the same
// as in a shared store.
type scratch struct {
	mu  sync.Mutex
	has map[core.Key]core.Value
}

// Swap implements core.SeenStore.
func (s *scratch) Swap(_ context.Context, key core.Key, old, next core.Value, _ time.Duration) (core.Value, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.has == nil {
		s.has = make(map[core.Key]core.Value)
	}
	if s.has[key] == old {
		s.has[key] = next
	}
	return s.has[key], nil
}

// said converts a record for printing.
func said(name string, r *core.Record) seenRecord {
	at := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		t = t.UTC().Truncate(time.Millisecond)
		return &t
	}
	return seenRecord{
		State: r.State.String(), Message: name, Since: at(r.Since), Until: at(r.Until), Newest: at(r.Newest), WindowEnd: at(r.WindowEnd),
		Status: r.Status, Messages: r.Messages, Reruns: r.Reruns, Next: nextAttempt(r),
	}
}

func nextAttempt(r *core.Record) string {
	switch r.State {
	case core.Claimed:
		return "gets 503 until the handler ends or, if its process is dead, until the claim expires"
	case core.Released:
		return "runs the handler again"
	case core.Done:
		return "is acknowledged without running the handler"
	case core.Spent, core.Counted:
		return "is not decided by this record, which limits how many times the handler runs for the same signed content"
	default:
		return "runs the handler: this store has no record of the message"
	}
}

func clock(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func (s *seen) print(c *console, r seenRecord) {
	if s.json {
		c.object(r)
		return
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(name, value string) { _, _ = fmt.Fprintf(w, "%s\t%s\n", name, value) }
	when := func(name string, t *time.Time) {
		if t != nil {
			row(name, clock(*t))
		}
	}
	count := func(name string, n int) {
		if n > 0 {
			row(name, strconv.Itoa(n))
		}
	}
	row("message", printable(r.Message))
	switch {
	case r.Forgotten && r.State == core.Counted.String():
		row("forgotten", "the count of messages with this content")
	case r.Forgotten:
		row("forgotten", "the record that it was handled")
	default:
		row("state", r.State)
	}
	when("claimed since", r.Since)
	when("claimed until", r.Until)
	count("status", r.Status)
	count("messages", r.Messages)
	count("reruns", r.Reruns)
	when("newest attempt", r.Newest)
	when("replay window ends", r.WindowEnd)
	row("next attempt", r.Next)
	_ = w.Flush()
	c.say("%s", b.String())
}
