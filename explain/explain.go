package explain

import (
	"context"
	"errors"
	"strings"

	"github.com/hookonce/hookonce/core"
)

// maxDetail bounds, in bytes, error text from outside this module. A key
// source's error can be arbitrarily long, and is logged on one line.
const maxDetail = 2 << 10

// Explanation is the result of [Request]. Printed, logged or encoded as JSON,
// it shows no secret, no MAC and no part of the body.
type Explanation struct {
	// Authentic says that the verifier accepts the signature and the timestamp.
	Authentic bool `json:"authentic"`
	// Reason is the reason of r.Err or, if that is nil, of the verifier's
	// error. It is empty if there is neither.
	Reason core.Reason `json:"reason,omitempty"`
	// Detail is the text of the same error. Configured secrets of 4 bytes or
	// more are redacted.
	Detail string `json:"detail,omitempty"`
	// Findings are sorted, the most likely first. Proven findings belong
	// together: the signature verifies once all of them are undone, and undoing
	// one of them may not be enough.
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
	// Proven says that the request verifies, including its timestamp, if this
	// mistake is undone together with the other proven ones. If Proven is
	// false, the finding is an observation.
	Proven bool `json:"proven"`
	// What describes the mistake, Remedy the fix, and Look the place to check.
	// Each is a phrase, or one or two sentences.
	What   string `json:"what"`
	Remedy string `json:"remedy"`
	Look   string `json:"look"`
}

// Request explains why a request was refused. If r.Err is nil, Request uses the
// error that the verifier returns now. Set r.Err if you have it: the error can
// contain facts that the request no longer shows, such as that the body was
// read before. r.Request is not changed.
//
// others holds the keys of other tenants, endpoints or environments, by name.
// With them, Request can detect that a message was meant for another tenant.
// The names are printed. others may be nil.
//
// Request does no I/O except for one call to the verifier's key source. It
// calls a key's Verify only with a context that has ended, and never calls a
// key that fetches (see [core.Facts]). The work is limited. A body of 1 MiB
// takes at most about a tenth of a second. Most messages that it cannot explain
// take less than ten milliseconds. Request is safe for concurrent use.
func Request(ctx context.Context, r core.Refused, others map[string]*core.Keys) Explanation {
	e, _ := explain(ctx, r, others)
	return e
}

// explain implements [Request]. It also returns the amount of work, which the
// tests compare with the budget.
//
// Three kinds of refusal end early. The first has no verifier or request. The
// second is accepted by this verifier, so the reason is elsewhere, as with a
// replay. The third has keys that are fetched, for which there is nothing to
// try. All other refusals are searched for a proof. The request is observed
// only if there is no proof. A refusal always has at least one finding.
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
		// The signature is valid, so there is no mistake to name. The body is the exception: it is
		// complete here, but in the middleware it may have been consumed or truncated.
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
	// A proof needs no caveat: untried candidates cannot refute it.
	if s.unfinished && !e.Findings[0].Proven {
		e.Findings = append(e.Findings, step{mistake: notFinished}.finding(false))
	}
	return e, s.spent
}

// say returns the reason and the text of an error, with configured secrets
// removed. The reason may be wrapped in an application's own error. It may also
// be the error itself, if only the word is known from a log.
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

// String returns the first finding on the first line. If that finding is
// proven, the other proven ones follow on the same line. The fix for each, the
// place to check and further observations follow. The first line can be read
// alone: [Hook] logs it as its message.
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
// the line has only the first one.
func (e Explanation) together() (first, rest []Finding) {
	// The first finding, and further ones only while all are proven.
	n := min(1, len(e.Findings))
	for n < len(e.Findings) && e.Findings[0].Proven && e.Findings[n].Proven {
		n++
	}
	return e.Findings[:n], e.Findings[n:]
}

// state says how certain a finding is: proven by a signature, or only observed.
// Findings about the search itself have no state, because they make no claim.
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

// advice returns the indented rest of a printed finding.
func (f Finding) advice() string { return "\n  do:   " + f.Remedy + "\n  look: " + f.Look }

// step is one mistake that the search undid. Steps are collected for every
// candidate, so they are small: the advice is looked up only for the few steps
// that become findings.
type step struct {
	mistake Mistake
	// what, if not empty, replaces the general text of the table.
	what string
}

// finding adds the advice to a step.
func (s step) finding(proven bool) Finding {
	a := adviceFor(s.mistake)
	if s.what != "" {
		a.what = s.what
	}
	// An unproven address is a guess, because a wrong secret has the same effect. The advice names
	// both, so that nobody searches proxies for hours.
	if s.mistake == wrongURL && !proven {
		a.remedy += " If messages are still refused, copy the secret again from the sender."
		a.look += "; then " + whereShown
	}
	return Finding{s.mistake, proven, a.what, a.remedy, a.look}
}

// findings turns the steps of a proof into findings. It names each mistake
// once: to a person, two newlines in a secret are one mistake.
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
