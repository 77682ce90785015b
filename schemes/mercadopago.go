package schemes

import "github.com/hookonce/hookonce/core"

// MercadoPago returns the scheme for Mercado Pago webhooks. In the X-Signature
// header, ts is the timestamp and v1 is the signature. The signature is the
// hex-encoded HMAC-SHA256 of the URL's data.id parameter, the X-Request-Id
// header and ts. X-Request-Id identifies the message, so do not let a proxy
// replace it.
//
// The body is not signed, so Message.BodySigned is false. Query Mercado Pago's
// API for the object with data.id. QR code notifications are not signed, so
// they are rejected.
//
// Source: www.npmjs.com/package/mercadopago/v/3.6.1, as of November 2026.
func MercadoPago() core.Scheme {
	return must(Template{
		Name: "mercadopago", Signature: Header("X-Signature"), List: ",", Label: "v1=",
		Timestamp: Entry("X-Signature", "ts"), Unit: UnixTime, Stamping: core.StampedEachAttempt,
		ID:      Header("X-Request-Id"),
		Content: "id:{query:data.id};request-id:{id};ts:{timestamp};", bodyless: true,
	})
}
