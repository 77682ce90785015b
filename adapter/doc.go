// Package adapter helps you write an adapter for a framework that is built on
// net/http. It reads the body within limits, restores it for the handlers and
// records their status. It can respond to a refused request without waiting for
// the rest of the body. nethttp, ginwh, echowh and echov5wh use it. The package
// makes no decisions: verdicts and statuses come from core.
//
// # An adapter
//
// For a framework whose handlers return errors, the main part of an adapter is:
//
//	x := adapter.Begin(v, c.Writer, c.Request)
//	if x.Answer() != nil {
//		x.Refuse(c.Writer, deny)
//		return nil
//	}
//	defer x.Finish(core.Failed) // after a panic; the regular call comes first
//	rec := x.Record(c.Writer)
//	if err := next(c.With(rec, x.Request)); err != nil {
//		x.Finish(core.Failed) // an upstream error handler renders it
//		return err
//	}
//	if status := x.Finish(rec.Status()); rec.Status() == 0 {
//		c.Writer.WriteHeader(status)
//	}
//	return nil
//
// docs/writing-an-adapter.md has a complete adapter. whtest.TestAdapter tests
// the contract.
//
// An adapter for a framework that is not built on net/http calls
// [core.Verifier.Admit] and [core.Delivery.Settle] itself. See
// [core.BodyReader].
package adapter
