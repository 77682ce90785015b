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
	// Past and Future are how far a timestamp may be before and after now.
	// Default: what the scheme prescribes (see [Facts]), else 5 minutes each.
	Past, Future time.Duration
	// Skew is how far apart the clocks of nodes that share a store may be.
	// Default: 5 seconds.
	Skew time.Duration
	// MaxBody is the largest body accepted, in bytes. Default: 1 MiB.
	MaxBody int64
	// BodyTimeout bounds how long the body may take to arrive. A shorter
	// ReadTimeout of the server wins. Default: 10 seconds. In fiber the server
	// reads the body first: set fiber.Config.ReadTimeout there.
	BodyTimeout time.Duration
	// Lease is how long an attempt may be handled before another one may take
	// the message over. It must be longer than the slowest handler. The
	// handler's context ends 5 seconds earlier (halfway through a lease of
	// under 10 seconds). Default: 60 seconds.
	//
	// A claim lasts 9 seconds (or Lease, if that is shorter) and is renewed
	// every 3 seconds while the handler runs. If the process dies, attempts of
	// the message get 503 for at most 9 seconds plus twice Skew, 19 seconds by
	// default. Then a later attempt runs. A renewal may fail because the store
	// fails, is full, or is locked by the handler's own transaction. If none
	// succeeds in time, the handler's context is cancelled before the claim
	// ends. If a process is frozen for longer than that, another attempt may
	// run concurrently.
	Lease time.Duration
	// Remember is the minimum time for which a handled message is recognized.
	// Each acknowledged redelivery starts it again. It must be longer than the
	// longest gap between two attempts of the sender. For schemes without a
	// signed timestamp it is also how long a replay is recognized. Default: 25
	// hours.
	Remember time.Duration
	// Reruns is how often a message whose handler failed may run again on an
	// attempt that is not newer. Such an attempt is a sender's retry within one
	// second, or an attacker's replay. Default: 3. Negative: never. Maximum:
	// 63.
	Reruns int
	// Repeats is how many more times the same signed content may run within
	// Remember, counted from the first time. It applies where only unsigned
	// values (a delivery id, a topic) distinguish messages, as with GitHub and
	// Shopify. It also applies where the sender uses the content of each
	// response, as Twilio does for a call. An attacker who captured one request
	// can make it run again just as often, by changing those values. Further
	// attempts are refused with [ErrRepeated]. Default: 16. Negative: the same
	// signed content runs only once. Maximum: 1,000,000.
	Repeats int
	// StoreTimeout bounds each call to the seen-id store. Default: 2 seconds.
	StoreTimeout time.Duration
	// KeyTimeout bounds a lookup in the key source. A lookup that ignores its
	// context is abandoned, and the request is refused with
	// [ErrKeysUnavailable]. At most 1,024 lookups run at once, abandoned ones
	// included. Further requests are refused the same way until some return.
	// Default: 5 seconds.
	KeyTimeout time.Duration
	// Clock returns the current time. It must be safe for concurrent use.
	// Default: time.Now. I/O timeouts and the durations in an [Event] use real
	// time.
	Clock func() time.Time
	// Observe is called once for each attempt that was refused or acknowledged,
	// and once for each handled one when it is settled. It must be safe for
	// concurrent use and fast: the request waits for it. Default: none. See
	// [SlogObserver].
	Observe func(ctx context.Context, e Event)
	// SignsOnce says that this sender signs a message once and sends the same
	// bytes, timestamp included, at every attempt. A retry and a replay are
	// then identical, and the timestamp only bounds the message's age.
	SignsOnce bool
	// RendersAnew says that this sender renders the body of a message again for
	// each attempt, so one signed id may arrive with different contents. With
	// RendersAnew they are not compared. If the sender reuses an id, its second
	// event is acknowledged without running the handler.
	RendersAnew bool
	// DangerouslyReportOnly lets every request through to the handler:
	// everything is verified, claimed and observed, and nothing is refused. Use
	// it for a rollout on live traffic. [FromContext] finds a message only
	// where it would have been admitted. BodyTimeout does not apply.
	DangerouslyReportOnly bool
	// DangerouslyShowRefused is called with each request that was refused
	// before its signature was verified, including the body. It is called
	// before Observe. It is for development: its argument may contain
	// credentials and personal data. If it is set, the body is read even where
	// a refusal would have left it unread. MaxBody and BodyTimeout still apply
	// (but see DangerouslyReportOnly, and fiberwh for streams in that mode). It
	// must be safe for concurrent use, and the request waits for it. A panic in
	// it propagates to the request. Default: none. explain.Hook makes one that
	// names the mistake.
	DangerouslyShowRefused func(ctx context.Context, r Refused)
	// DangerouslyReplayableAfterRestart accepts a scheme without a signed
	// timestamp on a store that forgets at restart: an attacker who captured a
	// message can have it handled again after each restart.
	DangerouslyReplayableAfterRestart bool
	// DangerouslyAcceptPlaceholders accepts secrets that documentation and
	// templates leave behind, such as "secret", or one byte repeated. It is for
	// tests with published vectors. In production anyone can sign with such a
	// secret.
	DangerouslyAcceptPlaceholders bool
}

// Refused is the argument of [Config.DangerouslyShowRefused]. The hook may keep
// it and must not change the body.
type Refused struct {
	// Request is the request as received, with as much of the body as could be
	// read.
	Request *Request
	// Err says why.
	Err *Error
	// Verifier is the one that refused it.
	Verifier *Verifier
}

// withDefaults fills in the defaults and lists what is wrong. It also returns
// the facts of the scheme, which is asked once.
func (c *Config) withDefaults() (Config, Facts, []error) {
	var cfg Config
	if c != nil {
		cfg = *c
	}
	var mistakes []error
	if isNil(cfg.Scheme) {
		if cfg.Scheme != nil {
			mistakes = append(mistakes, errors.New("Config.Scheme is a nil pointer: leave it out for Standard Webhooks"))
		}
		cfg.Scheme = StandardWebhooks{}
	}
	facts := FactsOf(cfg.Scheme)
	if err := facts.check(); err != nil {
		facts.Mistake = fmt.Errorf("Config.Scheme, %s: %w", cfg.Scheme.Name(), err)
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
			mistakes = append(mistakes, fmt.Errorf("Config.%s is negative (%v): leave it zero for the default of %v", d.name, *d.value, d.fallback))
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
		mistakes = append(mistakes, fmt.Errorf("Config.MaxBody is negative (%d): leave it zero for the default of 1 MiB", cfg.MaxBody))
	case cfg.MaxBody > 1<<40:
		mistakes = append(mistakes, fmt.Errorf("Config.MaxBody is over a tebibyte (%d): a body is held in memory as a whole", cfg.MaxBody))
	case cfg.MaxBody == 0:
		cfg.MaxBody = 1 << 20
	}
	switch {
	case cfg.Reruns > maxReruns:
		mistakes = append(mistakes, fmt.Errorf("Config.Reruns is %d: at most %d", cfg.Reruns, maxReruns))
	case cfg.Reruns == 0:
		cfg.Reruns = 3
	case cfg.Reruns < 0:
		cfg.Reruns = 0
	}
	switch {
	case cfg.Repeats > maxRepeats:
		mistakes = append(mistakes, fmt.Errorf("Config.Repeats is %d: at most %d", cfg.Repeats, maxRepeats))
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

// stamping returns the stamping of the scheme, or the weaker one that the
// configuration states.
func (c *Config) stamping() Stamping {
	if s := c.Scheme.Stamping(); s != StampedEachAttempt || !c.SignsOnce {
		return s
	}
	return StampedOnce
}

// handlerTime returns how long the handler's context lasts. It ends early
// enough to settle before the lease ends.
func (c *Config) handlerTime() time.Duration {
	return c.Lease - min(5*time.Second, c.Lease/2)
}

var errForgetsUntimed = errors.New("this scheme signs no timestamp and the store forgets at restart, so every message could be replayed " +
	"after one: use a durable store, or a scheme that takes a signed time from the body, or accept it with Config.DangerouslyReplayableAfterRestart")

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
