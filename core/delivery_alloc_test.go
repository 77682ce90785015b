package core_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/testmode"
)

// yes is a store without cost: every message is new.
type yes struct{}

func (yes) Swap(_ context.Context, _ core.Key, _, next core.Value, _ time.Duration) (core.Value, error) {
	return next, nil
}

// atHand is a BodyReader of bytes in memory.
type atHand []byte

func (b *atHand) ReadBody(int64, time.Duration) ([]byte, error) { return *b, nil }

func freshMessage(tb testing.TB, size int) (*core.Verifier, *core.Request, core.BodyReader) {
	tb.Helper()
	return freshMessageFor(tb, size, func(keys *core.Keys) core.KeySource { return keys })
}

// freshMessageFor is freshMessage with the keys behind a source.
func freshMessageFor(tb testing.TB, size int, source func(*core.Keys) core.KeySource) (*core.Verifier, *core.Request, core.BodyReader) {
	tb.Helper()
	secret := core.GenerateSecret()
	v := core.Must(core.New(source(core.Secrets(secret)), yes{}, nil))
	signer, err := core.NewSigner(secret)
	if err != nil {
		tb.Fatal(err)
	}
	body := make([]byte, size)
	r := &core.Request{Method: http.MethodPost, URL: "/hook", Header: http.Header{}}
	if err := signer.Sign(lines(r.Header), core.NewID(), time.Now(), body); err != nil {
		tb.Fatal(err)
	}
	reader := atHand(body)
	return v, r, &reader
}

// TestTheAllocationsOfADelivery bounds the allocations for a fresh message from
// Admit to Settle.
func TestTheAllocationsOfADelivery(t *testing.T) {
	testmode.Count(t)
	v, r, body := freshMessage(t, 1<<10)
	ctx := context.Background()
	got := testing.AllocsPerRun(200, func() {
		v.Admit(ctx, r, body).Settle(200)
	})
	const budget = 1 // the Delivery, with message, claim, and the contexts of the handler and of the visits to the store in it
	if got > budget {
		t.Errorf("%v allocations, the budget is %d", got, budget)
	}
}

func BenchmarkDelivery(b *testing.B) {
	for _, size := range []int{256, 1 << 10, 16 << 10} {
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			v, r, body := freshMessage(b, size)
			ctx := context.Background()
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				v.Admit(ctx, r, body).Settle(200)
			}
		})
	}
}

// The cost of a KeySource that returns at once.
func BenchmarkDeliveryWithAKeySource(b *testing.B) {
	v, r, body := freshMessageFor(b, 1<<10, atOnce)
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		v.Admit(ctx, r, body).Settle(200)
	}
}

// atOnce is a source that has its keys in memory.
func atOnce(keys *core.Keys) core.KeySource {
	return core.KeySourceFunc(func(context.Context, *core.Request) (string, *core.Keys, error) { return "acme", keys, nil })
}

// TestAKeySourceAllocatesLittle bounds the allocations of the goroutine of a
// lookup, its timer and the copy of the headers.
func TestAKeySourceAllocatesLittle(t *testing.T) {
	testmode.Count(t)
	v, r, body := freshMessageFor(t, 1<<10, atOnce)
	ctx := context.Background()
	got := testing.AllocsPerRun(200, func() {
		v.Admit(ctx, r, body).Settle(200)
	})
	const budget = 9
	if got > budget {
		t.Errorf("%v allocations, the budget is %d", got, budget)
	}
}
