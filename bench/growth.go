package main

import (
	"context"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/stores/memstore"
)

// coresRow is how much work so many processors do: the last line of how cost
// grows. The others are in the rows of the parts.
type coresRow struct {
	Cores           int
	Verify, Deliver series // a second: signatures of 1 KiB, and whole admissions with the store
}

// coresAll has one processor, then two, four and so on work on one verifier.
func coresAll(o options) ([]coresRow, error) {
	var counts []int
	for n := 1; n < runtime.NumCPU(); n *= 2 {
		counts = append(counts, n)
	}
	counts = append(counts, runtime.NumCPU())
	rows := make([]coresRow, len(counts))
	for rep := range o.repeat(7) {
		o.progress("cores: repetition %d", rep+1)
		for i, n := range counts {
			rows[i].Cores = n
			verified, delivered, err := onCores(n, o.length(150*time.Millisecond))
			if err != nil {
				return nil, err
			}
			rows[i].Verify, rows[i].Deliver = append(rows[i].Verify, verified), append(rows[i].Deliver, delivered)
		}
	}
	return rows, nil
}

// atHand is a core.BodyReader of bytes at hand.
type atHand []byte

// ReadBody implements core.BodyReader.
func (b *atHand) ReadBody(int64, time.Duration) ([]byte, error) { return *b, nil }

func onCores(n int, length time.Duration) (verified, delivered float64, err error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(n))
	secret, body := core.GenerateSecret(), atHand(document(1<<10))
	v, err := core.New(core.Secrets(secret), memstore.New(), nil)
	if err != nil {
		return 0, 0, err
	}
	signer, err := core.NewSigner(secret)
	if err != nil {
		return 0, 0, err
	}
	now, ctx := time.Now(), context.Background()
	one := func() (*core.Request, error) {
		h := make(http.Header)
		r := &core.Request{Method: http.MethodPost, URL: "/hook", Header: h, Body: body}
		return r, signer.Sign(h, core.NewID(), now, body)
	}
	r, err := one()
	if err != nil {
		return 0, 0, err
	}
	verified = together(n, length, func() bool {
		_, err := v.Verify(ctx, r)
		return err == nil
	})
	requests := make([]*core.Request, int(length.Seconds()*float64(n)*400_000)+64)
	for i := range requests {
		if requests[i], err = one(); err != nil {
			return 0, 0, err
		}
	}
	var next atomic.Int64
	delivered = together(n, length, func() bool {
		i := int(next.Add(1)) - 1
		if i >= len(requests) {
			return false
		}
		d := v.Admit(ctx, requests[i], &body)
		d.Settle(http.StatusOK) //nolint:contextcheck // a delivery has its own
		return d.Err() == nil
	})
	return verified, delivered, nil
}

// together has n goroutines call f until the time is over or f has enough, and
// returns the calls a second.
func together(n int, length time.Duration, f func() bool) float64 {
	counts := make([]int, n)
	runtime.GC()
	began := time.Now()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			for time.Since(began) < length && f() {
				counts[i]++
			}
		})
	}
	wg.Wait()
	took, total := time.Since(began), 0
	for _, c := range counts {
		total += c
	}
	return float64(total) / took.Seconds()
}
