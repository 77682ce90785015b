package explain

import (
	"context"
	"log/slog"
	"strings"

	"github.com/hookonce/hookonce/core"
)

// atOnce bounds how many requests are explained at the same time. Each
// explanation may take a tenth of a second of a processor, and anybody who can
// reach the endpoint can cause one.
const atOnce = 4

// Hook returns a function for [core.Config.DangerouslyShowRefused], for use in
// development. It logs each refused request at level warn: the first line of
// the explanation, with the first finding's fix and place to check. others is
// as in [Request] and may be nil. The function is safe for concurrent use. It
// explains at most four requests at once, and logs further requests without an
// explanation.
//
// The log gets no secret, MAC or body. But anybody who can reach the endpoint
// can trigger this work, and a refusal waits for its explanation. Do not use
// Hook in production.
func Hook(l *slog.Logger, others map[string]*core.Keys) func(context.Context, core.Refused) {
	return hook(l, others, func(context.Context, core.Refused, *Explanation) {})
}

// hook is [Hook] with a callback: show gets each refusal before it is logged,
// with its explanation if there is one.
func hook(l *slog.Logger, others map[string]*core.Keys, show func(context.Context, core.Refused, *Explanation)) func(context.Context, core.Refused) {
	// Do not wait for a full channel: that would queue requests without bound and delay their
	// responses.
	turns := make(chan struct{}, atOnce)
	return func(ctx context.Context, r core.Refused) {
		select {
		case turns <- struct{}{}:
			defer func() { <-turns }()
		default:
			show(ctx, r, nil)
			l.WarnContext(ctx, "webhook refused, not explained: too many refusals at once", slog.String("reason", string(r.Err.Reason)))
			return
		}
		e := Request(ctx, r, others)
		show(ctx, r, &e)
		// A log record is one line. The fixes follow as attributes.
		line, _, _ := strings.Cut(e.String(), "\n")
		// The reason is a separate attribute, as in the records of core.SlogObserver.
		attrs := []slog.Attr{slog.String("reason", string(r.Err.Reason))}
		if len(e.Findings) > 0 {
			attrs = append(attrs, slog.String("do", e.Findings[0].Remedy), slog.String("look", e.Findings[0].Look))
		}
		l.LogAttrs(ctx, slog.LevelWarn, "webhook refused: "+line, attrs...)
	}
}
