package explain

import (
	"context"
	"log/slog"
	"strings"

	"github.com/hookonce/hookonce/core"
)

// atOnce bounds how many requests are explained at the same time: each may cost
// a tenth of a second.
const atOnce = 4

// Hook returns a function for [core.Config.DangerouslyShowRefused], for
// development. It logs the first line of the explanation of each refused
// request at level warn, with the fix and where to look. others are as in
// [Request]; nil: none. It is safe for concurrent use. It explains at most four
// requests at once, and logs the others without an explanation.
//
// The log gets no secret, MAC or body. But anybody who can reach the endpoint
// can make it work, and each refusal waits for its explanation. Do not use it
// in production.
func Hook(l *slog.Logger, others map[string]*core.Keys) func(context.Context, core.Refused) {
	return hook(l, others, func(context.Context, core.Refused, *Explanation) {})
}

// hook is Hook that also shows each refusal, with its explanation if there is
// one, before it is logged.
func hook(l *slog.Logger, others map[string]*core.Keys, show func(context.Context, core.Refused, *Explanation)) func(context.Context, core.Refused) {
	turns := make(chan struct{}, atOnce)
	return func(ctx context.Context, r core.Refused) {
		select {
		case turns <- struct{}{}:
			defer func() { <-turns }()
		default:
			show(ctx, r, nil)
			l.WarnContext(ctx, "webhook refused, not explained: too many at once", slog.String("reason", string(r.Err.Reason)))
			return
		}
		e := Request(ctx, r, others)
		show(ctx, r, &e)
		line, _, _ := strings.Cut(e.String(), "\n")
		attrs := []slog.Attr{slog.String("reason", string(r.Err.Reason))}
		if len(e.Findings) > 0 {
			attrs = append(attrs, slog.String("do", e.Findings[0].Remedy), slog.String("look", e.Findings[0].Look))
		}
		l.LogAttrs(ctx, slog.LevelWarn, "webhook refused: "+line, attrs...)
	}
}
