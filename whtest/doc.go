// Package whtest provides test helpers for webhook handlers and conformance
// suites for stores, schemes and adapters.
//
// # Testing a handler
//
// [NewRequest] returns a signed request. From there, test the handler like any
// other:
//
//	signer, _ := core.NewSigner(secret)
//	rec := httptest.NewRecorder()
//	mux.ServeHTTP(rec, whtest.NewRequest(t, signer, "/hook", []byte(`{"type":"invoice.paid"}`)))
//
// [ID], [At] and [Header] change the request. The same ID with a later At is
// the sender's retry. The same request again is a replay. [Clock] is a clock
// that the test sets, for [core.Config.Clock]. With it, a test of expiry need
// not wait. [Source] is a key source whose tenants and outages the test
// controls.
//
// # Testing a store, a scheme or an adapter
//
// [TestSeenStore], [TestScheme] and [TestAdapter] test the contracts of package
// core. Call each from a test of your implementation. Each case has a name. If
// it fails, it prints the broken rule and the consequence.
//
//	func TestStore(t *testing.T) {
//		whtest.TestSeenStore(t, func(t testing.TB) core.SeenStore { return mystore.New(connect(t)) })
//	}
//
// The suites are tested too: each fails for many implementations that are
// broken on purpose.
package whtest
