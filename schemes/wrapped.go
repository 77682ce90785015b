package schemes

import (
	"context"
	"time"

	"github.com/hookonce/hookonce/core"
)

// wrapped is a scheme with all the optional methods, for schemes that add something to another.
type wrapped struct{ core.Scheme }

func (w wrapped) Challenge(ctx context.Context, r *core.Request, m *core.Message, key core.VerifyKey) *core.Answer {
	if c, ok := w.Scheme.(core.Challenger); ok {
		return c.Challenge(ctx, r, m, key)
	}
	return nil
}

func (w wrapped) Handshake(r *core.Request) *core.Answer {
	if h, ok := w.Scheme.(core.Handshaker); ok {
		return h.Handshake(r)
	}
	return nil
}

func (w wrapped) AwaitsHandshake(r *core.Request) bool {
	h, ok := w.Scheme.(core.BodyHandshaker)
	return ok && h.AwaitsHandshake(r)
}

func (w wrapped) AnswerHandshake(r *core.Request, key core.VerifyKey) *core.Answer {
	if h, ok := w.Scheme.(core.BodyHandshaker); ok {
		return h.AnswerHandshake(r, key)
	}
	return nil
}

func (w wrapped) Window() (past, future time.Duration) {
	if s, ok := w.Scheme.(core.Windower); ok {
		return s.Window()
	}
	return 0, 0
}

func (w wrapped) FreeText() bool {
	f, ok := w.Scheme.(core.FreeTexter)
	return ok && f.FreeText()
}

func (w wrapped) Validate() error {
	if v, ok := w.Scheme.(core.Validator); ok {
		return v.Validate()
	}
	return nil
}
