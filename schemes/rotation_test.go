package schemes_test

import (
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
	"github.com/hookonce/hookonce/stores/memstore"
)

// TestPersonaSignsWithBothSecretsDuringARotation: a receiver with either secret
// accepts the request, whichever set is first.
func TestPersonaSignsWithBothSecretsDuringARotation(t *testing.T) {
	t.Parallel()
	const other = "another-secret-another-secret-12"
	now := time.Unix(1_800_000_000, 0)
	sign := subjects()["persona"].sign
	set := func(key string) string {
		return asMap(sign(key, "", now, []byte("{}")).Header).Get("Persona-Signature")
	}
	for name, header := range map[string]string{
		"one":                      set(secret),
		"first of two":             set(secret) + " " + set(other),
		"second of two":            set(other) + " " + set(secret),
		"with a space and a comma": set(other) + ", " + set(secret),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, err := core.New(core.Secrets(secret), memstore.New(), &core.Config{Scheme: schemes.Persona(), Clock: func() time.Time { return now }})
			if err != nil {
				t.Fatal(err)
			}
			r := request("{}")
			asMap(r.Header).Set("Persona-Signature", header)
			if err := v.Inspect(t.Context(), r).Err; err != nil {
				t.Errorf("%s: %v", header, err)
			}
			r.Body = []byte("{ }")
			if err := v.Inspect(t.Context(), r).Err; err == nil {
				t.Error("another body was accepted")
			}
		})
	}
}

// TestPrimerSignsWithBothSecretsDuringARotation: a receiver with either secret
// accepts the request.
func TestPrimerSignsWithBothSecretsDuringARotation(t *testing.T) {
	t.Parallel()
	const other = "another-secret-another-secret-12"
	now := time.Unix(1_800_000_000, 0)
	signature := func(key string) string {
		return asMap(subjects()["primer"].sign(key, "", now, []byte("{}")).Header).Get("X-Signature-Primary")
	}
	for _, own := range []string{secret, other} {
		v, err := core.New(core.Secrets(own), memstore.New(), &core.Config{Scheme: schemes.Primer(), DangerouslyReplayableAfterRestart: true})
		if err != nil {
			t.Fatal(err)
		}
		r := request("{}", "X-Signature-Primary", signature(secret), "X-Signature-Secondary", signature(other))
		if err := v.Inspect(t.Context(), r).Err; err != nil {
			t.Error(err)
		}
		r.Body = []byte("{ }")
		if err := v.Inspect(t.Context(), r).Err; err == nil {
			t.Error("another body was accepted")
		}
	}
}
