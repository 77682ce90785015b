package core_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
)

// untouched is a store that fails the test if an unverified request reaches it.
type untouched struct{}

func (untouched) Swap(context.Context, core.Key, core.Value, core.Value, time.Duration) (core.Value, error) {
	panic("the store was touched")
}

type noBody struct{}

func (noBody) ReadBody(int64, time.Duration) ([]byte, error) { return nil, nil }

// An unverified request must not cause a long log line, or one that a strict
// parser drops.
func TestALogLineOfAHostileRequestIsShortAndValidJSON(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*core.Request){
		"a year that JSON cannot hold": func(r *core.Request) { lines(r.Header).Set("Webhook-Timestamp", "253402300800") },
		"sixteen digits":               func(r *core.Request) { lines(r.Header).Set("Webhook-Timestamp", "9999999999999999") },
		"a long id of no ASCII":        func(r *core.Request) { lines(r.Header).Set("Webhook-Id", strings.Repeat("\xff", 900<<10)) },
		"a long path":                  func(r *core.Request) { r.URL = "/" + strings.Repeat("a", 900<<10) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			secret := core.GenerateSecret()
			v := core.Must(core.New(core.Secrets(secret), untouched{}, &core.Config{
				Observe: core.SlogObserver(slog.New(slog.NewJSONHandler(&out, nil))),
			}))
			r := signed(t, core.GenerateSecret(), "msg_1", time.Now().Unix(), "")
			r.Method = http.MethodPost
			change(r)
			if v.Admit(t.Context(), r, noBody{}).Err() == nil {
				t.Fatal("admitted")
			}
			if !json.Valid(out.Bytes()) {
				t.Errorf("no JSON: %.300s", out.String())
			}
			if out.Len() == 0 || out.Len() > 4<<10 {
				t.Errorf("a line of %d bytes", out.Len())
			}
		})
	}
}

func TestThePathIsTheServers(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]string{
		"//hook/victim/evil":         "//hook/victim/evil",
		"/hook/a%20b?x=1":            "/hook/a b",
		"https://example.com/hook?x": "/hook",
		"":                           "",
	} {
		if got := (&core.Request{URL: target}).Path(); got != want {
			t.Errorf("%q has the path %q, want %q", target, got, want)
		}
	}
}

// slowBody arrives after the window has closed.
type slowBody struct{ arrive func() }

func (b slowBody) ReadBody(int64, time.Duration) ([]byte, error) {
	b.arrive()
	return nil, nil
}

// An attempt claimed long after its tolerance check could outlive the record
// that protects against it.
func TestTheWindowIsCheckedAgainWhenTheBodyHasCome(t *testing.T) {
	t.Parallel()
	secret := core.GenerateSecret()
	clock := time.Unix(now, 0)
	v := core.Must(core.New(core.Secrets(secret), untouched{}, &core.Config{Clock: func() time.Time { return clock }}))
	r := signed(t, secret, "msg_1", now-299, "")
	err := v.Admit(t.Context(), r, slowBody{func() { clock = clock.Add(2 * time.Second) }}).Err()
	if !errors.Is(err, core.ErrOutsideWindow) {
		t.Errorf("an attempt whose body came after its window: %v", err)
	}
}

func TestAKeyMustBeValidWhenTheRequestArrives(t *testing.T) {
	t.Parallel()
	text := core.GenerateSecret()
	for _, c := range []struct {
		name          string
		before, after int64 // of the key's validity; zero: unbounded
		want          error
	}{
		{"a key that ended while the body came", 0, now + 1, nil},
		{"a key that began while the body came", now + 1, 0, core.ErrNoMatch},
		{"a key that had ended", 0, now, core.ErrNoMatch},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			key := core.NewSecret(text)
			if c.before != 0 {
				key.NotBefore = time.Unix(c.before, 0)
			}
			if c.after != 0 {
				key.NotAfter = time.Unix(c.after, 0)
			}
			clock := time.Unix(now, 0)
			v := core.Must(core.New(core.SecretList(key), yes{}, &core.Config{Clock: func() time.Time { return clock }}))
			err := v.Admit(t.Context(), signed(t, text, "msg_1", now, ""), slowBody{func() { clock = clock.Add(2 * time.Second) }}).Err()
			if !errors.Is(err, c.want) && (err != nil || c.want != nil) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// pondering takes a long time to decide that a message is not a challenge.
type pondering struct {
	core.StandardWebhooks

	ponder func()
}

func (p pondering) Facts() core.Facts {
	return core.Facts{Challenge: func(context.Context, *core.Request, *core.Message, core.VerifyKey) *core.Answer {
		p.ponder()
		return nil
	}}
}

func TestTheWindowIsCheckedAgainAfterAChallenger(t *testing.T) {
	t.Parallel()
	secret := core.GenerateSecret()
	clock := time.Unix(now, 0)
	v := core.Must(core.New(core.Secrets(secret), untouched{}, &core.Config{
		Clock:  func() time.Time { return clock },
		Scheme: pondering{ponder: func() { clock = clock.Add(2 * time.Second) }},
	}))
	if err := v.Admit(t.Context(), signed(t, secret, "msg_1", now-299, ""), noBody{}).Err(); !errors.Is(err, core.ErrOutsideWindow) {
		t.Errorf("an attempt whose window closed meanwhile: %v", err)
	}
}

// timesInBody is Standard Webhooks with its times in the body.
type timesInBody struct {
	core.StandardWebhooks

	expires     time.Time
	stampInHead bool
}

func (s timesInBody) ReadHeader(r *core.Request, a *core.Attempt) error {
	err := s.StandardWebhooks.ReadHeader(r, a)
	if a.State = a.Timestamp; !s.stampInHead {
		a.Timestamp = time.Time{}
	}
	return err
}

func (s timesInBody) ReadBody(r *core.Request, a *core.Attempt) error {
	a.Timestamp, _ = a.State.(time.Time)
	a.Expires = s.expires
	return s.StandardWebhooks.ReadBody(r, a)
}

func TestTimesInABodyAreCheckedWhenItHasCome(t *testing.T) {
	t.Parallel()
	secret := core.GenerateSecret()
	for _, c := range []struct {
		name    string
		stamp   int64
		expires time.Time
		junk    bool
		took    time.Duration
		want    error
	}{
		{"a stamp that was too far ahead when the request came", now + 305, time.Time{}, false, 10 * time.Second, nil},
		{"a stamp that is too far ahead", now + 305, time.Time{}, false, 2 * time.Second, core.ErrOutsideWindow},
		{"a stamp that grew too old meanwhile, before the signature is looked at", now - 299, time.Time{}, true, 2 * time.Second, core.ErrOutsideWindow},
		{"a signature that expired meanwhile, before it is looked at", now, time.Unix(now+1, 0), true, 2 * time.Second, core.ErrOutsideWindow},
		{"a signature that has not expired", now, time.Unix(now+5, 0), true, 2 * time.Second, core.ErrNoMatch},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			clock := time.Unix(now, 0)
			v := core.Must(core.New(core.Secrets(secret), yes{}, &core.Config{
				Clock: func() time.Time { return clock }, Scheme: timesInBody{expires: c.expires, stampInHead: !c.expires.IsZero()},
			}))
			r := signed(t, secret, "msg_1", c.stamp, "")
			if c.junk {
				lines(r.Header).Set("Webhook-Signature", "v1,"+strings.Repeat("A", 43)+"=")
			}
			err := v.Admit(t.Context(), r, slowBody{func() { clock = clock.Add(c.took) }}).Err()
			if !errors.Is(err, c.want) && (err != nil || c.want != nil) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestTheToleranceIsCheckedAgainWhenKeysAndBodyHaveCome(t *testing.T) {
	t.Parallel()
	secret := core.GenerateSecret()
	const took = 2 * time.Second
	for _, c := range []struct {
		name             string
		stamp            int64
		expires          time.Time
		slowKeys, inTime bool
	}{
		{"a timestamp that grew too old while the body came", now - 299, time.Time{}, false, false},
		{"a timestamp that grew too old while the keys were looked up", now - 299, time.Time{}, true, false},
		{"a signature that expired while the body came", now, time.Unix(now+1, 0), false, false},
		{"a signature that expired while the keys were looked up", now, time.Unix(now+1, 0), true, false},
		{"a body that came in time", now - 297, time.Unix(now+3, 0), false, true},
		{"keys that came in time", now - 297, time.Unix(now+3, 0), true, true},
	} {
		for name, judge := range map[string]func(*core.Verifier, *core.Request, core.BodyReader) error{
			"Admit": func(v *core.Verifier, r *core.Request, body core.BodyReader) error {
				if err := v.Admit(t.Context(), r, body).Err(); err != nil {
					return err
				}
				return nil
			},
			"ReadAndVerify": func(v *core.Verifier, r *core.Request, body core.BodyReader) error {
				_, err := v.ReadAndVerify(t.Context(), r, body)
				return err
			},
			"Verify": func(v *core.Verifier, r *core.Request, body core.BodyReader) error {
				r.Body, _ = body.ReadBody(0, 0)
				_, err := v.Verify(t.Context(), r)
				return err
			},
		} {
			if name == "Verify" && !c.slowKeys {
				continue // the body came before
			}
			t.Run(c.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				var late atomic.Int64
				keys := core.Secrets(secret)
				source := core.KeySourceFunc(func(context.Context, *core.Request) (string, *core.Keys, error) {
					if c.slowKeys {
						late.Store(int64(took))
					}
					return "acme", keys, nil
				})
				v := core.Must(core.New(source, yes{}, &core.Config{
					Clock:  func() time.Time { return time.Unix(now, 0).Add(time.Duration(late.Load())) },
					Scheme: expiring{expires: c.expires},
				}))
				err := judge(v, signed(t, secret, "msg_1", c.stamp, ""), slowBody{func() {
					if !c.slowKeys {
						late.Store(int64(took))
					}
				}})
				if c.inTime && err != nil || !c.inTime && !errors.Is(err, core.ErrOutsideWindow) {
					t.Errorf("got %v", err)
				}
			})
		}
	}
}

// expiring is StandardWebhooks with an expiry time in the headers.
type expiring struct {
	core.StandardWebhooks

	expires time.Time
}

func (s expiring) ReadHeader(r *core.Request, a *core.Attempt) error {
	a.Expires = s.expires
	return s.StandardWebhooks.ReadHeader(r, a)
}

func TestTheToleranceIsCheckedAgainWhenAKeyWasFetched(t *testing.T) {
	t.Parallel()
	secret := core.GenerateSecret()
	for stamp, want := range map[int64]error{now - 299: core.ErrOutsideWindow, now - 297: nil} {
		var late atomic.Int64
		v := core.Must(core.New(core.Secrets(secret), yes{}, &core.Config{
			Clock:  func() time.Time { return time.Unix(now, 0).Add(time.Duration(late.Load())) },
			Scheme: fetching{fetch: func() { late.Store(int64(2 * time.Second)) }},
		}))
		if _, err := v.Verify(t.Context(), signed(t, secret, "msg_1", stamp, "{}")); !errors.Is(err, want) {
			t.Errorf("signed %d seconds ago: %v, want %v", now-stamp, err, want)
		}
	}
}

// fetching is StandardWebhooks whose keys take time.
type fetching struct {
	core.StandardWebhooks

	fetch func()
}

func (fetching) Facts() core.Facts { return core.Facts{Fetches: true} }

func (f fetching) ParseKey(text string) (core.VerifyKey, error) {
	key, err := f.StandardWebhooks.ParseKey(text)
	return fetchedKey{key, f.fetch}, err
}

type fetchedKey struct {
	core.VerifyKey

	fetch func()
}

func (k fetchedKey) Verify(ctx context.Context, a *core.Attempt) (bool, error) {
	k.fetch()
	return k.VerifyKey.Verify(ctx, a)
}
