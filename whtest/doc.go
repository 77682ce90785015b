// Package whtest is for tests: of an application that receives webhooks, and of
// what somebody adds to this module.
//
// # Testing a handler
//
// [NewRequest] makes a signed request in one line; what comes after it is the
// test of any handler:
//
//	signer, _ := core.NewSigner(secret)
//	rec := httptest.NewRecorder()
//	mux.ServeHTTP(rec, whtest.NewRequest(t, signer, "/hook", []byte(`{"type":"invoice.paid"}`)))
//
// [ID], [At] and [Header] vary it: the same ID with a later At is the sender's
// retry, the very same request a replay. [Clock] is a time that the test sets,
// for [core.Config.Clock]: to see a window close without waiting. [Source] is a
// key source with tenants that the test adds, and with outages.
//
// # Testing a store, a scheme, an adapter
//
// [TestSeenStore], [TestScheme] and [TestAdapter] are the executable form of
// the contracts in package core. Each is called from a test of the new part;
// each case has a name, and prints on failure which rule was broken and what
// follows from it:
//
//	func TestStore(t *testing.T) {
//		whtest.TestSeenStore(t, func(t testing.TB) core.SeenStore { return mystore.New(connect(t)) })
//	}
//
// The suites themselves are tested with parts that are broken on purpose: each
// must be caught.
package whtest
