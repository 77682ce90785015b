// Package adapter helps to write an adapter for a framework over net/http. It
// reads the body under limits, restores it for the handlers, records their
// status, and leaves a refused body unread without waiting for it. nethttp,
// ginwh, echowh and echov5wh use it. It decides nothing: verdicts and statuses
// come from core.
//
// # An adapter
//
// For a framework whose handlers return errors, the middle of an adapter is:
//
//	x := adapter.Begin(v, c.Writer, c.Request)
//	if x.Answer() != nil {
//		x.Refuse(c.Writer, deny)
//		return nil
//	}
//	defer x.Finish(core.Failed) // after a panic; the regular call comes first
//	rec := x.Record(c.Writer)
//	if err := next(c.With(rec, x.Request)); err != nil {
//		x.Finish(core.Failed) // something outside renders it
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
// [core.Verifier.Admit] and [core.Delivery.Settle] itself: see
// [core.BodyReader].
package adapter
