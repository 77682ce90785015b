package core_test

import (
	"crypto/sha256"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/testmode"
)

var sizes = []int{256, 1 << 10, 16 << 10, 1 << 20}

func benchmarked(tb testing.TB, size int) (*core.Verifier, *core.Request) {
	tb.Helper()
	secret := core.GenerateSecret()
	return newVerifier(tb, core.Secrets(secret), &core.Config{Clock: at(now)}), signed(tb, secret, core.NewID(), now, strings.Repeat("x", size))
}

func TestVerifyingAStandardMessageDoesNotAllocate(t *testing.T) {
	testmode.Count(t)
	for _, size := range sizes {
		v, r := benchmarked(t, size)
		if n := testing.AllocsPerRun(100, func() {
			if _, err := v.Verify(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%d bytes: %v allocations", size, n)
		}
	}
}

// A thousand signatures are rejected before the body is hashed, so they cost no more than one
// signature.
func TestAThousandSignaturesCostNoMoreThanOne(t *testing.T) {
	v, r := benchmarked(t, 1<<20)
	many := &core.Request{Method: r.Method, URL: r.URL, Header: r.Header.Clone(), Body: r.Body}
	lines(many.Header).Set("Webhook-Signature", strings.Repeat(lines(r.Header).Get("Webhook-Signature")+" ", 1000))
	fastest := func(r *core.Request, accepted bool) time.Duration {
		best := time.Hour
		for range 10 {
			began := time.Now()
			_, err := v.Verify(t.Context(), r)
			best = min(best, time.Since(began))
			if (err == nil) != accepted {
				t.Fatal(err)
			}
		}
		return best
	}
	one, thousand := fastest(r, true), fastest(many, false)
	if thousand > one {
		t.Errorf("a thousand signatures took %v, one took %v", thousand, one)
	}
}

func BenchmarkSHA256(b *testing.B) {
	for _, size := range sizes {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			body := make([]byte, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				sha256.Sum256(body)
			}
		})
	}
}

func benchmarkVerify(b *testing.B, v *core.Verifier, r *core.Request, accepted bool) {
	b.Helper()
	b.SetBytes(int64(len(r.Body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(b.Context(), r); (err == nil) != accepted {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, size := range sizes {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			v, r := benchmarked(b, size)
			benchmarkVerify(b, v, r, true)
		})
	}
}

// A rotation: the last of several keys fits.
func BenchmarkVerifyRotation(b *testing.B) {
	for _, n := range []int{1, 3, 16} {
		b.Run(strconv.Itoa(n)+" keys", func(b *testing.B) {
			secrets := make([]string, n)
			for i := range secrets {
				secrets[i] = core.GenerateSecret()
			}
			v := newVerifier(b, core.Secrets(secrets...), &core.Config{Clock: at(now)})
			benchmarkVerify(b, v, signed(b, secrets[n-1], "msg_1", now, strings.Repeat("x", 1<<10)), true)
		})
	}
}

// The most work that an unauthenticated client can cause with a body of 16 KiB.
func BenchmarkVerifyAdversarial(b *testing.B) {
	junk := "v1," + strings.Repeat("A", 43) + "="
	for _, bench := range []struct {
		name, signatures string
		accepted         bool
	}{
		{"one wrong signature", junk, false},
		{"16 signatures, the last genuine", strings.Repeat(junk+" ", 15) + "*", true},
		{"17 signatures", strings.Repeat(junk+" ", 17), false},
		{"4 KiB of one signature", "v1," + strings.Repeat("A", 4<<10-3), false},
		{"64 KiB of signatures", strings.Repeat(junk+" ", 64<<10/48), false},
		{"4 KiB of spaces", strings.Repeat(" ", 4<<10), false},
	} {
		b.Run(bench.name, func(b *testing.B) {
			v, r := benchmarked(b, 16<<10)
			lines(r.Header).Set("Webhook-Signature", strings.Replace(bench.signatures, "*", lines(r.Header).Get("Webhook-Signature"), 1))
			benchmarkVerify(b, v, r, bench.accepted)
		})
	}
	b.Run("16 ed25519 signatures", func(b *testing.B) {
		_, public := core.GenerateKeyPair()
		signing, _ := core.GenerateKeyPair()
		v := newVerifier(b, core.Secrets(public), &core.Config{Clock: at(now)})
		r := signed(b, signing, "msg_1", now, strings.Repeat("x", 16<<10))
		lines(r.Header)["Webhook-Signature"] = []string{strings.Repeat(lines(r.Header).Get("Webhook-Signature")+" ", 16)}
		benchmarkVerify(b, v, r, false)
	})
}

func BenchmarkSign(b *testing.B) {
	s, err := core.NewSigner(core.GenerateSecret())
	if err != nil {
		b.Fatal(err)
	}
	body, h := make([]byte, 1<<10), http.Header{}
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Sign(h, "msg_1", time.Unix(now, 0), body); err != nil {
			b.Fatal(err)
		}
	}
}
