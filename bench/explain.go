package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/explain"
	"github.com/hookonce/hookonce/internal/worstcase"
	"github.com/hookonce/hookonce/schemes"
	"github.com/hookonce/hookonce/stores/memstore"
)

// explainRow is what it cost to search for the mistake in a request that has
// none to be found: every key is a wrong one.
type explainRow struct {
	Scheme, Body string
	CPU          series // ms of the processor
}

// explainAll searches in each of the bodies that cost the most.
func explainAll(o options) (rows []explainRow, err error) {
	bodies, names := worstcase.Bodies(), []string{"standard", "github", "hubspot"}
	if o.quick {
		names = names[:1]
	}
	others := make(map[string]*core.Keys)
	for i := range 2000 {
		others[fmt.Sprintf("tenant %d", i)] = core.Secrets(core.GenerateSecret())
	}
	var refused []core.Refused
	for _, name := range names {
		for _, body := range slices.Sorted(maps.Keys(bodies)) {
			r, err := refusedRequest(name, bodies[body])
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", name, body, err)
			}
			refused, rows = append(refused, r), append(rows, explainRow{Scheme: name, Body: body})
		}
	}
	for rep := range o.repeat(5) {
		o.progress("explain: repetition %d", rep+1)
		for i, r := range refused {
			before := cpuTime()
			e := explain.Request(context.Background(), r, others)
			rows[i].CPU = append(rows[i].CPU, float64(cpuTime()-before)/1e6)
			if e.Authentic || e.Findings[0].Proven {
				return nil, fmt.Errorf("%s, %s: a mistake is found where there is none: %s", rows[i].Scheme, rows[i].Body, e)
			}
		}
	}
	return rows, nil
}

// refusedRequest is signed with another secret than the receiver's three.
func refusedRequest(name string, body []byte) (core.Refused, error) {
	const address = "https://example.com/hook"
	scheme, err := schemes.New(name, schemes.Settings{URL: address})
	if err != nil {
		return core.Refused{}, err
	}
	r := &core.Request{Method: http.MethodPost, URL: "/hook", Header: http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {"gzip"}}, Body: body}
	if err := schemes.Sign(scheme, r, "msg_1", time.Now(), core.GenerateSecret()); err != nil {
		return core.Refused{}, err
	}
	v, err := core.New(core.Secrets(core.GenerateSecret(), core.GenerateSecret(), core.GenerateSecret()), memstore.New(), &core.Config{Scheme: scheme, DangerouslyReplayableAfterRestart: true})
	return core.Refused{Verifier: v, Request: r}, err
}

// worstExplained is the row that cost the most.
func (r *results) worstExplained() explainRow {
	var worst explainRow
	for _, row := range r.Explain {
		if len(worst.CPU) == 0 || row.CPU.median() > worst.CPU.median() {
			worst = row
		}
	}
	return worst
}

// ExplainTable has the five that cost the most.
func (r *results) ExplainTable() string {
	rows := slices.SortedFunc(slices.Values(r.Explain), func(a, b explainRow) int { return int(1e3 * (b.CPU.median() - a.CPU.median())) })
	t := newTable("scheme", "body of 1 MiB", "processor time, ms")
	for _, row := range rows[:min(len(rows), 5)] {
		t.row(row.Scheme, row.Body, row.CPU.in(1))
	}
	return t.String()
}
