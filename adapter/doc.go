// Package adapter has what an adapter for a framework over net/http needs: it
// reads the body under limits, gives it back to the handlers, notes what they
// answer, and leaves a refused body unread without waiting for it. nethttp,
// ginwh, echowh and echov5wh are made with it. It decides nothing: verdicts and
// statuses are core's.
//
// # An adapter
//
// This is the middle of one, for a framework whose handlers return errors:
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
// docs/writing-an-adapter.md has a whole one. whtest.TestAdapter is the
// contract as a test.
//
// A framework that is not built on net/http calls [core.Verifier.Admit] and
// [core.Delivery.Settle] itself: see [core.BodyReader] for its part.
package adapter
