package main

import (
	"context"
	"flag"
	"slices"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/explain"
	"github.com/hookonce/hookonce/stores/memstore"
)

func explainCommand() command {
	return command{
		name: "explain", does: "explain why a captured request was refused",
		example: "hookonce explain --secret-file secret.txt --request request.txt",
		more: "A finding is proven if the signature verifies after the mistake is undone.\n\nIf the request was captured earlier, give its arrival time " +
			"with --now. If the secret itself may be wrong, give it exactly as your program has it: --secret keeps white space and quotes. So does " +
			"WEBHOOK_SECRET if it contains a single secret.\n\nexplain reads requests as hookonce verify does. It does not check for replays, because " +
			"that needs the receiver's store.",
		setUp: func(f *flag.FlagSet) action {
			e := &explanation{receiver: receiverFlags(f), captured: capturedFlags(f)}
			e.otherFlag(f)
			f.StringVar(&e.reason, "reason", "", "the `WORD` that the receiver's log gives as the reason for the refusal, if known")
			return e.run
		},
	}
}

type explanation struct {
	*receiver
	*captured

	reason string
}

func (e *explanation) run(ctx context.Context, c *console) error {
	r, err := e.read(c)
	if err != nil {
		return err
	}
	scheme, err := e.newScheme(r.Address())
	if err != nil {
		return err
	}
	texts, err := e.texts(c, true)
	if err != nil {
		return err
	}
	others, err := e.othersKeys(c)
	if err != nil {
		return err
	}
	now := e.at()
	v, err := asked(texts, e.config(scheme, func() time.Time { return now }))
	if err != nil {
		return usageError(asFlags(plain(err)))
	}
	refused := core.Refused{Verifier: v, Request: &r.Request}
	if e.reason != "" {
		if strings.Trim(e.reason, "abcdefghijklmnopqrstuvwxyz-") != "" {
			return usageError("--reason must be a reason from the log, such as body-consumed; docs/answers.md lists them")
		}
		refused.Err = &core.Error{Reason: core.Reason(e.reason)}
	}
	e.tell(c, r)
	said := explain.Request(ctx, refused, others)
	if r.Bodiless() {
		said.Findings = withoutBody(said.Findings)
	}
	if e.json {
		c.object(said)
	} else {
		c.say("%s\n", e.text(c, said))
	}
	e.remind(c, said.Reason)
	e.noteTrimmed(c, said)
	if !said.Authentic {
		return errRefused
	}
	return nil
}

// noteTrimmed points to white space in a secret file if nothing else explains
// the refusal: the program may read the file without trimming it.
func (e *explanation) noteTrimmed(c *console, said explain.Explanation) {
	if said.Authentic && said.Reason != "" && said.Reason != core.ErrNoMatch || len(said.Findings) > 0 && said.Findings[0].Mistake != unknown {
		return
	}
	for _, name := range e.trimmed {
		c.note("note: white space around the secret in %s, such as a final newline, was ignored. A program that reads the file without trimming has a "+
			"different secret: trim the secret in the program", name)
	}
}

// asked returns a verifier for secrets that may be invalid. The secrets come
// from a key source, so they are checked only when a request arrives.
func asked(texts []string, cfg *core.Config) (*core.Verifier, error) {
	keys := core.Secrets(texts...)
	return core.New(core.KeySourceFunc(func(context.Context, *core.Request) (string, *core.Keys, error) {
		return "this command", keys, nil
	}), memstore.New(), cfg)
}

// text returns the explanation with its first line in colour.
func (e *explanation) text(c *console, said explain.Explanation) string {
	head, rest, more := strings.Cut(said.String(), "\n")
	colour := c.bad
	if said.Authentic {
		colour = c.good
	}
	if said.Authentic && !more {
		rest, more = replayNote, true
	}
	if !more {
		return colour(head)
	}
	return colour(head) + "\n" + rest
}

const unknown explain.Mistake = "unknown"

// withoutBody removes findings about the secret and the body if only the
// capture lacks the body.
func withoutBody(all []explain.Finding) []explain.Finding {
	left := slices.DeleteFunc(slices.Clone(all), func(f explain.Finding) bool {
		return !f.Proven && (strings.HasPrefix(string(f.Mistake), "body-") || f.Mistake == unknown)
	})
	if len(left) > 0 || len(all) == 0 {
		return left
	}
	return []explain.Finding{{
		Mistake: unknown, What: "the capture does not include the body, and the signature does not verify without it",
		Remedy: "Give the bytes that were sent with --body FILE.", Look: "the sender's record of this attempt, or hookonce listen --save",
	}}
}
