package explain

import (
	"context"
	"errors"
	"strings"

	"github.com/hookonce/hookonce/core"
)

// maxDetail bounds, in bytes, error text that comes from outside this module. A
// key source's error can be arbitrarily long, and it ends up on one log line.
const maxDetail = 2 << 10

// Explanation is the result of [Request]. Printed, logged or as JSON, it shows
// no secret, no MAC and no part of the body.
type Explanation struct {
	// Authentic says that the verifier accepts the signature and the time.
	Authentic bool `json:"authentic"`
	// Reason is the verifier's reason; empty if it accepts.
	Reason core.Reason `json:"reason,omitempty"`
	// Detail is its error text.
	Detail string `json:"detail,omitempty"`
	// Findings are sorted, the most likely first. Proven ones belong together:
	// undoing all of them makes the signature verify.
	Findings []Finding `json:"findings,omitempty"`

	// signed is the request under which a signature verified. It is a pointer
	// so that fmt prints an address and none of the contents.
	signed *signed
}

// Finding is one mistake or observation. Its texts are for people and may
// change; programs should compare Mistake.
type Finding struct {
	// Mistake is the name of the mistake.
	Mistake Mistake `json:"mistake"`
	// Proven says that the request verifies, including its timestamp, when this
	// mistake is undone together with the other proven ones. If false, the
	// finding is an observation.
	Proven bool `json:"proven"`
	// What says what happened, Remedy what to do, and Look where to look, each
	// in one sentence.
	What   string `json:"what"`
	Remedy string `json:"remedy"`
	Look   string `json:"look"`
}

// Request explains why a request was refused. If r.Err is nil, Request asks the
// verifier. Set r.Err if you have it: it can hold what the request no longer
// shows, such as that the body was read before. r.Request is not changed.
//
// others holds the keys of other tenants, endpoints or environments. With them,
// Request can tell that a message was meant for somebody else. Their names are
// printed. others may be nil.
//
// Request does no I/O except for one call of the verifier's key source. It
// calls keys only under a context that has ended, and it never calls keys that
// are fetched (see [core.Facts]). The work is bounded: about a tenth of a
// second for a body of 1 MiB, and ten milliseconds for most messages that it
// cannot explain. It is safe for concurrent use.
func Request(ctx context.Context, r core.Refused, others map[string]*core.Keys) Explanation {
	e, _ := explain(ctx, r, others)
	return e
}

// explain implements [Request]. It also returns the work spent, which the tests
// compare with the budget.
//
// Three kinds of refusal end early: one without a verifier or request; one that
// this verifier accepts, so the reason lies elsewhere, as with a replay; and
// one whose keys are fetched, for which there is nothing to try. All others are
// searched for a proof. Only if there is none is the request observed. A
// refusal always has at least one finding.
func explain(ctx context.Context, r core.Refused, others map[string]*core.Keys) (Explanation, int64) {
	// A nil *core.Error must not become a non-nil error.
	var err error
	if r.Err != nil {
		err = r.Err
	}
	if r.Verifier == nil || r.Request == nil {
		what := "explain needs both a verifier and a request"
		return Explanation{Findings: []Finding{step{misconfigured, what}.finding(false)}}, 0
	}
	// This is the one call of the key source.
	s := newSearch(ctx, r, others)
	if s.verdict != nil {
		if err == nil {
			err = s.verdict
		}
	} else if !s.facts.Fetches {
		// The signature is fine, so there is no mistake to name. The body is the exception: the
		// verifier got it whole here, but the middleware may have seen it consumed or cut.
		e := Explanation{Authentic: true}
		e.Reason, e.Detail = s.say(err)
		if refused := e.Reason; refused == core.ErrBodyConsumed || refused == core.ErrBodyTooLarge {
			e.Findings = s.observe(err)
		}
		return e, s.spent
	}
	// From here on the verifier refuses the request, or cannot decide because its keys are fetched.
	e := Explanation{}
	e.Reason, e.Detail = s.say(err)
	if !s.facts.Fetches {
		e.Findings = s.run() //nolint:contextcheck // offline
		e.signed = s.signed
	}
	if len(e.Findings) == 0 {
		e.Findings = s.observe(err)
	}
	if len(e.Findings) == 0 {
		e.Findings = append(e.Findings, s.unknown(err))
	}
	// A proof needs no caveat: what was not tried cannot refute it.
	if s.unfinished && !e.Findings[0].Proven {
		e.Findings = append(e.Findings, step{mistake: notFinished}.finding(false))
	}
	return e, s.spent
}

// say returns the reason and the text of an error, with configured secrets
// removed. The reason may be wrapped in an application's own error. It may also
// be the error itself, as in a log from which only the word is known.
func (s *search) say(err error) (core.Reason, string) {
	if err == nil {
		return "", ""
	}
	var reason core.Reason
	// A *core.Error is preferred: its Reason is set even if the chain contains other reasons.
	if refusal := (*core.Error)(nil); errors.As(err, &refusal) {
		reason = refusal.Reason
	} else {
		errors.As(err, &reason)
	}
	return reason, oneLine(s.hide(err.Error()), maxDetail)
}

// String returns the mistakes on the first line, then the fix for each and
// where to look. The first line stands alone: [Hook] logs only that one.
func (e Explanation) String() string {
	var b strings.Builder
	if e.Authentic && len(e.Findings) == 0 {
		b.WriteString("authentic: the signature verifies")
		if e.Reason != "" {
			b.WriteString("; the request was refused for another reason: " + string(e.Reason))
		}
		return b.String()
	}
	// The names come first, so that they can be found in a log.
	first, rest := e.together()
	words, whats := make([]string, len(first)), make([]string, len(first))
	for i, f := range first {
		words[i], whats[i] = string(f.Mistake), f.What
	}
	b.WriteString(strings.Join(words, " and "))
	if len(first) > 0 {
		b.WriteString(first[0].state())
		b.WriteString(": " + strings.Join(whats, "; and "))
	}
	for _, f := range first {
		b.WriteString(f.advice())
	}
	for _, f := range rest {
		b.WriteString("\nalso " + string(f.Mistake) + f.state() + ": " + f.What + f.advice())
	}
	if e.Detail != "" {
		b.WriteString("\nthe verifier says: " + strings.TrimPrefix(e.Detail, "hookonce: "))
	}
	return b.String()
}

// together splits off the findings of the first line. Proven findings share
// that line because they hold only together. Observations are independent, so
// only the first one is there.
func (e Explanation) together() (first, rest []Finding) {
	// The first finding alone, and further ones only while all are proven.
	n := min(1, len(e.Findings))
	for n < len(e.Findings) && e.Findings[0].Proven && e.Findings[n].Proven {
		n++
	}
	return e.Findings[:n], e.Findings[n:]
}

// state says how certain a finding is: proven by a signature, or only seen.
// Findings about the search itself make no claim, so they have no state.
func (f Finding) state() string {
	switch {
	case f.Proven:
		return " (proven)"
	case f.Mistake == unexplained, f.Mistake == notFinished, f.Mistake == notTried:
		return ""
	default:
		return " (seen)"
	}
}

// advice is the indented rest of a printed finding.
func (f Finding) advice() string { return "\n  do:   " + f.Remedy + "\n  look: " + f.Look }

// step is one mistake that the search undid. Steps are collected on every
// candidate, so they stay small: the advice is looked up only for the few that
// become findings.
type step struct {
	mistake Mistake
	// what replaces the general text of the table. It may be empty.
	what string
}

// finding adds the advice to a step.
func (s step) finding(proven bool) Finding {
	a := adviceFor(s.mistake)
	if s.what != "" {
		a.what = s.what
	}
	// An unproven address is a guess that a wrong secret would explain as well. The advice names
	// both, so that nobody searches proxies for hours.
	if s.mistake == wrongURL && !proven {
		a.remedy += " If messages are still refused, copy the secret again from the sender."
		a.look += "; then " + whereShown
	}
	return Finding{s.mistake, proven, a.what, a.remedy, a.look}
}

// findings turns the steps of a proof into findings. It names each mistake
// once: two newlines taken off a secret are one mistake to a person.
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
