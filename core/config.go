package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"
)

// Config holds the optional settings. The zero value of a field means its
// default, which is secure. A nil *Config means all defaults. [New] copies it.
type Config struct {
	// Scheme says how the sender signs. Default: [StandardWebhooks].
	Scheme Scheme
	// Past and Future limit how far a timestamp may lie in the past and in the
	// future. Default: the tolerance that the scheme prescribes (see [Facts]),
	// else 5 minutes each.
	Past, Future time.Duration
	// Skew is how far apart the clocks of nodes that share a store may be.
	// Default: 5 seconds.
	Skew time.Duration
	// MaxBody is the maximum size of a body, in bytes. Default: 1 MiB.
	MaxBody int64
	// BodyTimeout limits how long the body may take to arrive. A shorter
	// ReadTimeout of the server takes precedence. Default: 10 seconds. In fiber
	// the server reads the body before the middleware runs: set
	// fiber.Config.ReadTimeout instead.
	BodyTimeout time.Duration
	// Lease is how long a handler may run before another attempt may take over
	// the message. It must exceed the slowest handler's running time by at
	// least 5 seconds. The handler's context ends 5 seconds before Lease does,
	// or halfway through a Lease of less than 10 seconds. Default: 60 seconds.
	//
	// A claim lasts 9 seconds, and is renewed about every 3 seconds while the
	// handler runs. If Lease is at most 9 seconds, the claim lasts for Lease
	// and is not renewed. If the process dies, attempts of the message get 503
	// for up to 9 seconds plus twice Skew: 19 seconds by default, if the clocks
	// agree. Then the handler runs for a later attempt. If each attempt has its
	// own timestamp, the later attempt's timestamp must be newer. A renewal may
	// fail because the store fails, is full, or is locked by the handler's own
	// transaction. If no renewal succeeds in time, the handler's context is
	// cancelled before the claim ends (but see DangerouslyReportOnly). If a
	// process is frozen past the end of its claim, the handler may run
	// concurrently for another attempt.
	Lease time.Duration
	// Remember is how long a handled message is recognized. A full store may
	// forget the message sooner, but not before its replay window ends. Each
	// acknowledged redelivery ([ErrRedelivery]) restarts this time. Remember
	// must exceed the longest time between two attempts of a message. For
	// schemes without a signed timestamp, Remember is also how long a replay is
	// recognized. Default: 25 hours.
	Remember time.Duration
	// Reruns limits how many times the handler may run again for a failed
	// message when the attempt's timestamp is not newer. It applies only if
	// each attempt has its own timestamp. An attempt without a newer timestamp
	// is a retry within the same second, a delayed attempt or a replay.
	// Default: 3. Negative: never. Maximum: 63.
	Reruns int
	// Repeats limits how many more times the same signed content may be handled
	// within Remember of the first time. It applies if attempts have no
	// timestamp of their own, and only unsigned values (a delivery id, a topic)
	// distinguish messages. GitHub and Shopify are examples. If such a sender
	// uses the content of each response, as Twilio does for a call,
	// redeliveries are handled and count too. By changing the unsigned values,
	// an attacker who captured one request can have it handled up to Repeats
	// more times. An attempt that would exceed the limit is refused with
	// [ErrRepeated]. Default: 16. Negative: the same signed content is handled
	// only once. Maximum: 1,000,000.
	Repeats int
	// StoreTimeout limits each operation on the seen-id store, such as claiming
	// a message or recording an outcome. An operation may call the store
	// several times. Default: 2 seconds.
	StoreTimeout time.Duration
	// KeyTimeout limits a lookup in the key source. A lookup that ignores its
	// context is abandoned, and the request is refused with
	// [ErrKeysUnavailable]. At most 1,024 lookups of a verifier run at once,
	// including abandoned ones. Further requests are refused in the same way
	// until some lookups return. Default: 5 seconds.
	KeyTimeout time.Duration
	// Clock returns the current time. It must be safe for concurrent use.
	// Default: time.Now. I/O timeouts, the deadline of the handler's context
	// and the durations in an [Event] use the system clock instead.
	Clock func() time.Time
	// Observe is called once for each attempt that is passed to
	// [Verifier.Admit]: after the handler ends, or immediately if the handler
	// does not run. In report-only mode an attempt that was not admitted is
	// also observed immediately. Observe must be safe for concurrent use and
	// fast: the request waits for it. Default: none. See [SlogObserver].
	Observe func(ctx context.Context, e Event)
	// SignsOnce says that this sender signs a message once and sends the same
	// bytes, timestamp included, in every attempt. A retry and a replay are
	// then identical, and the timestamp only limits the message's age.
	SignsOnce bool
	// RendersAnew says that this sender renders the body of a message again for
	// each attempt, so one signed id may arrive with different contents. With
	// RendersAnew those contents are not compared, except their
	// [Attempt.Stable] parts if the scheme sets any. If the sender reuses an
	// id, the second event is then acknowledged without running the handler.
	RendersAnew bool
	// DangerouslyReportOnly passes every request to the handler. Use it for a
	// rollout on live traffic. Each request is verified, claimed and observed
	// as usual. But the handler runs whatever the result, and only the handler
	// responds. This overrides the rest of this documentation. The handler's
	// context is not cancelled if the claim cannot be renewed. [FromContext]
	// finds a message only if the attempt would have been admitted. BodyTimeout
	// does not apply.
	DangerouslyReportOnly bool
	// DangerouslyShowRefused is called for each request that is refused without
	// a valid signature. It gets the body too. It is called before Observe. It
	// is for development: its argument may contain credentials and personal
	// data. If it is set, the body is read even if a refusal would have left it
	// unread. MaxBody still applies, and so does BodyTimeout outside
	// report-only mode. For streamed bodies in report-only mode, see the
	// section on fiber in docs/frameworks.md. The hook must be safe for
	// concurrent use. The request waits for the hook. A panic in the hook
	// propagates to the request. Default: none. explain.Hook returns such a
	// function, which logs the likely cause of a refusal.
	DangerouslyShowRefused func(ctx context.Context, r Refused)
	// DangerouslyReplayableAfterRestart accepts a scheme without a signed
	// timestamp on a store that loses its records at restart. An attacker who
	// captured a message can have it handled again after each restart.
	DangerouslyReplayableAfterRestart bool
	// DangerouslyAcceptPlaceholders accepts placeholder secrets from
	// documentation and templates, such as "secret" or a single repeated byte.
	// It is for tests with published vectors. In production anyone can sign
	// with such a secret.
	DangerouslyAcceptPlaceholders bool
}

// Refused is the argument of [Config.DangerouslyShowRefused]. The hook may keep
// the value but must not change the body.
type Refused struct {
	// Request is the request as received. Its body may be incomplete.
	Request *Request
	// Err is the reason for the refusal.
	Err *Error
	// Verifier is the verifier that refused the request.
	Verifier *Verifier
}

// withDefaults fills in the defaults and lists the mistakes. It also returns
// the scheme's facts, which are read only once.
func (c *Config) withDefaults() (Config, Facts, []error) {
	var cfg Config
	if c != nil {
		cfg = *c
	}
	var mistakes []error
	if isNil(cfg.Scheme) {
		if cfg.Scheme != nil {
			mistakes = append(mistakes, errors.New("Config.Scheme is a nil pointer: leave the field out for Standard Webhooks"))
		}
		cfg.Scheme = StandardWebhooks{}
	}
	facts := FactsOf(cfg.Scheme)
	if err := facts.check(); err != nil {
		facts.Mistake = fmt.Errorf("Config.Scheme (%s): %w", cfg.Scheme.Name(), err)
		mistakes = append(mistakes, facts.Mistake)
	}
	for _, d := range []struct {
		name     string
		value    *time.Duration
		fallback time.Duration
	}{
		{"Past", &cfg.Past, cmp.Or(facts.Past, 5*time.Minute)},
		{"Future", &cfg.Future, cmp.Or(facts.Future, 5*time.Minute)},
		{"Skew", &cfg.Skew, 5 * time.Second},
		{"BodyTimeout", &cfg.BodyTimeout, 10 * time.Second},
		{"Lease", &cfg.Lease, time.Minute},
		{"Remember", &cfg.Remember, 25 * time.Hour},
		{"StoreTimeout", &cfg.StoreTimeout, 2 * time.Second},
		{"KeyTimeout", &cfg.KeyTimeout, 5 * time.Second},
	} {
		switch {
		case *d.value < 0:
			mistakes = append(mistakes, fmt.Errorf("Config.%s is negative (%v): leave it at zero for the default of %v", d.name, *d.value, d.fallback))
		case *d.value == 0:
			*d.value = d.fallback
		case *d.value < time.Millisecond:
			mistakes = append(mistakes, fmt.Errorf("Config.%s is under a millisecond (%v): is the unit missing?", d.name, *d.value))
		case *d.value > maxDuration:
			mistakes = append(mistakes, fmt.Errorf("Config.%s is over ten years (%v): is the unit wrong?", d.name, *d.value))
		}
	}
	switch {
	case cfg.MaxBody < 0:
		mistakes = append(mistakes, fmt.Errorf("Config.MaxBody is negative (%d): leave it at zero for the default of 1 MiB", cfg.MaxBody))
	case cfg.MaxBody > 1<<40:
		mistakes = append(mistakes, fmt.Errorf("Config.MaxBody is over one tebibyte (%d), but a whole body is held in memory: lower the limit", cfg.MaxBody))
	case cfg.MaxBody == 0:
		cfg.MaxBody = 1 << 20
	}
	switch {
	case cfg.Reruns > maxReruns:
		mistakes = append(mistakes, fmt.Errorf("Config.Reruns is %d, but the limit is %d", cfg.Reruns, maxReruns))
	case cfg.Reruns == 0:
		cfg.Reruns = 3
	case cfg.Reruns < 0:
		cfg.Reruns = 0
	}
	switch {
	case cfg.Repeats > maxRepeats:
		mistakes = append(mistakes, fmt.Errorf("Config.Repeats is %d, but the limit is %d", cfg.Repeats, maxRepeats))
	case cfg.Repeats == 0:
		cfg.Repeats = 16
	case cfg.Repeats < 0:
		cfg.Repeats = 0
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now //nolint:forbidigo // the default of the configured clock
	}
	return cfg, facts, mistakes
}

const maxRepeats = 1_000_000

// maxDuration keeps sums of durations far from overflow.
const maxDuration = 10 * 365 * 24 * time.Hour

// stamping returns the stamping of the scheme, or the weaker stamping that the
// configuration states.
func (c *Config) stamping() Stamping {
	if s := c.Scheme.Stamping(); s != StampedEachAttempt || !c.SignsOnce {
		return s
	}
	return StampedOnce
}

// handlerTime returns how long the handler's context lasts. The context ends
// early enough to settle before the lease ends.
func (c *Config) handlerTime() time.Duration {
	return c.Lease - min(5*time.Second, c.Lease/2)
}

var errForgetsUntimed = errors.New("this scheme signs no timestamp, and the store loses its records when the program restarts, so every message could " +
	"be replayed after a restart. Use a durable store or a scheme that reads a signed time from the body, or accept the risk with " +
	"Config.DangerouslyReplayableAfterRestart")

// isNil also recognizes a nil pointer or function in an interface.
func isNil(v any) bool {
	if v == nil {
		return true
	}
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Pointer, reflect.Func, reflect.Map, reflect.Chan, reflect.Slice, reflect.Interface:
		return r.IsNil()
	default:
		return false
	}
}
