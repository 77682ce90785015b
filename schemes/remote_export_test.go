package schemes

import (
	"crypto/x509"
	"time"
)

// InTest puts roots and a clock in the place of the world's.
func (o SNSOptions) InTest(roots *x509.CertPool, now func() time.Time) SNSOptions {
	o.seams = seams{roots, now}
	return o
}

// InTest puts roots and a clock in the place of the world's.
func (o PayPalOptions) InTest(roots *x509.CertPool, now func() time.Time) PayPalOptions {
	o.seams = seams{roots, now}
	return o
}

// InTest puts a clock in the place of the world's.
func (o PlaidOptions) InTest(now func() time.Time) PlaidOptions {
	o.seams = seams{now: now}
	return o
}

// InTest puts a clock in the place of the world's.
func (o PubSubOptions) InTest(now func() time.Time) PubSubOptions {
	o.seams = seams{now: now}
	return o
}

// InTest puts a clock in the place of the world's.
func (o KeySetOptions) InTest(now func() time.Time) KeySetOptions {
	o.seams = seams{now: now}
	return o
}
