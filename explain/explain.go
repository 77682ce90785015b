package explain

import (
	"cmp"
	"context"
	"errors"
	"reflect"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
)

// maxDetail bounds the text of an error that is not ours.
const maxDetail = 2 << 10

// Input is what there is to go by.
type Input struct {
	// Config is the receiver's: scheme, window, clock, MaxBody. nil means the defaults, as for [core.New].
	Config *core.Config
	// Keys are the receiver's.
	Keys core.KeySource
	// Request is the request as received, Body exactly; nil if none was read. It is not changed.
	Request *core.Request
	// Others are keys of other tenants, endpoints or environments, to find out whether the message was meant for them. Their names are printed.
	Others map[string]*core.Keys
	// Err is what the verifier said, if that is known: it can tell what cannot be seen any more, as that the body was read before.
	Err error
}

// Explanation is what was found. It holds no secret, no MAC and nothing of the body.
type Explanation struct {
	// Authentic says that the verifier accepts the signature, and the time.
	Authentic bool `json:"authentic"`
	// Reason is what the verifier says; empty if it accepts.
	Reason core.Reason `json:"reason,omitempty"`
	// Detail is its error text.
	Detail string `json:"detail,omitempty"`
	// Findings has the likeliest first. Proven ones were made together: undoing all of them makes the signature verify.
	Findings []Finding `json:"findings,omitempty"`
}

// Finding is one mistake.
type Finding struct {
	// Mistake is the word for it.
	Mistake Mistake `json:"mistake"`
	// Proven says that the signature verifies, and the window holds, when this mistake is undone, together with the other proven ones. If not, it is
	// an observation.
	Proven bool `json:"proven"`
	// What says what happened, Remedy what to do, and Look where, each in one sentence.
	What   string `json:"what"`
	Remedy string `json:"remedy"`
	Look   string `json:"look"`
}

// Request explains. It does no I/O but what Input.Keys does, for no longer than Config.KeyTimeout, and its work is bounded: about a tenth of a second
// for a body of a mebibyte, ten milliseconds for most messages that nothing explains. It is safe for concurrent use.
func Request(ctx context.Context, in Input) Explanation {
	e, _ := explain(ctx, in)
	return e
}

// explain also returns the search, for the tests.
func explain(ctx context.Context, in Input) (Explanation, *search) {
	s := newSearch(ctx, in)
	err := in.Err
	if verdict := s.verdict(); verdict != nil { //nolint:contextcheck // offline
		if err == nil {
			err = verdict
		}
	} else if !s.facts.Fetches {
		// A refusal for another reason than the signature, such as a replay, has no mistake to name.
		e := Explanation{Authentic: true}
		e.Reason, e.Detail = s.say(err)
		if refused := e.Reason; refused == core.ErrBodyConsumed || refused == core.ErrBodyTooLarge {
			e.Findings = s.observe(err)
		}
		return e, s
	}
	e := Explanation{}
	e.Reason, e.Detail = s.say(err)
	if !s.facts.Fetches {
		e.Findings = s.run() //nolint:contextcheck // offline
	}
	if len(e.Findings) == 0 {
		e.Findings = s.observe(err)
	}
	if len(e.Findings) == 0 {
		e.Findings = append(e.Findings, s.unknown())
	}
	if s.unfinished && !e.Findings[0].Proven {
		e.Findings = append(e.Findings, step{mistake: Unfinished}.finding(false))
	}
	return e, s
}

// say takes reason and text of an error.
func (s *search) say(err error) (core.Reason, string) {
	if err == nil {
		return "", ""
	}
	var reason core.Reason
	if refusal := (*core.Error)(nil); errors.As(err, &refusal) {
		reason = refusal.Reason
	} else {
		errors.As(err, &reason)
	}
	return reason, oneLine(s.hide(err.Error()), maxDetail)
}

// String names the mistakes on the first line; then come remedy and place for each.
func (e Explanation) String() string {
	var b strings.Builder
	if e.Authentic && len(e.Findings) == 0 {
		b.WriteString("authentic: the signature verifies")
		if e.Reason != "" {
			b.WriteString("; the reason lies elsewhere: " + string(e.Reason))
		}
		return b.String()
	}
	first := 1 // findings on the first line
	for first < len(e.Findings) && e.Findings[0].Proven && e.Findings[first].Proven {
		first++
	}
	for i, f := range e.Findings[:min(first, len(e.Findings))] {
		if i > 0 {
			b.WriteString(" and ")
		}
		b.WriteString(string(f.Mistake))
	}
	if len(e.Findings) > 0 && e.Findings[0].Proven {
		b.WriteString(" (proven)")
	}
	for i, f := range e.Findings {
		switch {
		case i == 0:
			b.WriteString(": ")
		case i < first:
			b.WriteString("; and ")
		default:
			b.WriteString("\nalso " + string(f.Mistake) + ": ")
		}
		b.WriteString(f.What)
		if i >= first-1 {
			from := i
			if i == first-1 {
				from = 0
			}
			for _, f := range e.Findings[from : i+1] {
				b.WriteString("\n  do:   " + f.Remedy + "\n  look: " + f.Look)
			}
		}
	}
	if e.Detail != "" {
		b.WriteString("\nthe verifier says: " + e.Detail)
	}
	return b.String()
}

// step is one mistake undone.
type step struct {
	mistake Mistake
	what    string // better than what the table says; may be empty
}

func (s step) finding(proven bool) Finding {
	a := adviceFor(s.mistake)
	if s.what != "" {
		a.what = s.what
	}
	return Finding{s.mistake, proven, a.what, a.remedy, a.look}
}

// findings names each mistake once.
func findings(steps []step) []Finding {
	var all []Finding
	seen := map[Mistake]bool{}
	for _, s := range steps {
		if !seen[s.mistake] {
			seen[s.mistake] = true
			all = append(all, s.finding(true))
		}
	}
	return all
}

// schemeOf is the configured one; a nil pointer counts as none, as it does for core.
func schemeOf(c *core.Config) core.Scheme {
	if c == nil || c.Scheme == nil {
		return core.StandardWebhooks{}
	}
	if v := reflect.ValueOf(c.Scheme); v.Kind() == reflect.Pointer && v.IsNil() {
		return core.StandardWebhooks{}
	}
	return c.Scheme
}

// window is that of core.Config, with its defaults.
func window(c *core.Config, f core.Facts) (past, future time.Duration) {
	past, future = cmp.Or(f.Past, 5*time.Minute), cmp.Or(f.Future, 5*time.Minute)
	if c != nil && c.Past > 0 {
		past = c.Past
	}
	if c != nil && c.Future > 0 {
		future = c.Future
	}
	return past, future
}
