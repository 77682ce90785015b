package main

import (
	"context"
	"errors"
	"flag"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/stores/memstore"
)

func verifyCommand() command {
	return command{
		name: "verify", does: "verify a captured request",
		example: "hookonce verify --secret-file secret.txt --request request.txt",
		more: "verify checks the headers, the timestamp and the signature. It does not check for replays, because that needs the receiver's store. To " +
			"find out why a request is refused, run hookonce explain with the same flags.\n\nIf the capture is not raw HTTP, a note names its form. " +
			"Header lines may end in CRLF or LF. Everything after the blank line is the body, regardless of Content-Length. Chunks are joined.\n\nGive " +
			"--url if the scheme signs the public URL and the capture has a different one. For most captures, hookonce takes https://, the Host header " +
			"and the request target as the URL.",
		setUp: func(f *flag.FlagSet) action {
			v := &verification{receiverFlags(f), capturedFlags(f)}
			return v.run
		},
	}
}

type verification struct {
	*receiver
	*captured
}

// verdict is the result in JSON.
type verdict struct {
	Authentic  bool        `json:"authentic"`
	Reason     core.Reason `json:"reason,omitempty"`
	Detail     string      `json:"detail,omitempty"`
	Scheme     string      `json:"scheme"`
	Key        string      `json:"key,omitempty"`
	ID         string      `json:"id,omitempty"`
	IDSigned   bool        `json:"id_signed,omitempty"`
	Timestamp  *time.Time  `json:"timestamp,omitempty"`
	BodyBytes  int         `json:"body_bytes"`
	BodySigned bool        `json:"body_signed,omitempty"`
	Capture    string      `json:"capture"`
	Replay     string      `json:"replay"`
}

const (
	replayNotChecked = "not checked"
	replayNote       = "replay is not checked, because that needs the receiver's store"
)

func (v *verification) run(ctx context.Context, c *console) error {
	r, err := v.read(c)
	if err != nil {
		return err
	}
	scheme, err := v.newScheme(r.Address())
	if err != nil {
		return err
	}
	texts, err := v.texts(c, false)
	if err != nil {
		return err
	}
	now := v.at()
	verifier, err := core.New(core.Secrets(texts...), memstore.New(), v.config(scheme, func() time.Time { return now }))
	if err != nil {
		return usageError(asFlags(plain(err)))
	}
	v.tell(c, r)
	m, err := verifier.Verify(ctx, &r.Request)
	said := verdict{Capture: r.Form, Scheme: scheme.Name(), BodyBytes: len(r.Body), Replay: replayNotChecked}
	if err != nil {
		said.Detail = plain(err)
		var refusal *core.Error
		if errors.As(err, &refusal) {
			said.Reason = refusal.Reason
		}
		if r.Bodiless() && said.Reason == core.ErrNoMatch {
			said.Detail = "no-match: the capture does not include the body, and the signature does not verify without it"
		}
		v.print(c, said)
		v.remind(c, said.Reason)
		return errRefused
	}
	said.Authentic, said.Key, said.ID, said.IDSigned, said.BodySigned = true, m.KeyID, m.ID, m.IDSigned, m.BodySigned
	if !m.Timestamp.IsZero() {
		at := m.Timestamp.UTC()
		said.Timestamp = &at
	}
	v.print(c, said)
	return nil
}

// remind suggests --now for a request that was captured earlier.
func (r *receiver) remind(c *console, reason core.Reason) {
	if reason == core.ErrOutsideWindow && r.now == 0 {
		c.note("note: if the request was captured a while ago, give its arrival time with --now, in seconds since 1970")
	}
}

func (v *verification) print(c *console, said verdict) {
	switch {
	case v.json:
		c.object(said)
	case said.Authentic:
		c.say("%s: %s\n%s\n", c.good("authentic"), strings.Join(said.facts(), ", "), replayNote)
	default:
		c.say("%s: %s\nhookonce explain with the same flags says why\n", c.bad("refused"), said.Detail)
	}
}

func (v *verdict) facts() []string {
	facts := []string{"signed with " + v.Key}
	switch {
	case v.ID != "" && v.IDSigned:
		facts = append(facts, "id "+v.ID)
	case v.ID != "":
		facts = append(facts, "id "+v.ID+" (not signed)")
	}
	if v.Timestamp != nil {
		facts = append(facts, "at "+v.Timestamp.Format(time.RFC3339))
	}
	if !v.BodySigned {
		facts = append(facts, "the body is not signed as a whole")
	}
	return facts
}

// plain returns the text of an error on one line.
func plain(err error) string {
	return strings.ReplaceAll(strings.TrimPrefix(err.Error(), "hookonce: "), "\n", "; ")
}
