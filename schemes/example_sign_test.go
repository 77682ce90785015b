package schemes_test

import (
	"fmt"
	"net/http"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
)

// A request as Stripe would send it, for the test of a handler.
func ExampleSign() {
	r := &core.Request{Method: http.MethodPost, URL: "/hook", Body: []byte(`{"id":"evt_1","type":"invoice.paid"}`)}
	if err := schemes.Sign(schemes.Stripe(), r, "", time.Unix(1_760_000_000, 0), "whsec_4Q7rVb2nXk9wTz0s"); err != nil {
		fmt.Println(err)
	}
	fmt.Println(asMap(r.Header).Get("Stripe-Signature")[:len("t=1760000000,v1=")])
	// Output: t=1760000000,v1=
}
