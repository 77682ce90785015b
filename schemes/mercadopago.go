package schemes

import "github.com/hookonce/hookonce/core"

// MercadoPago is the scheme of Mercado Pago: ts and v1 in X-Signature,
// HMAC-SHA256 of the parameter data.id of the URL, X-Request-Id and the time,
// in hexadecimal. X-Request-Id identifies the message, so do not let a proxy
// replace it.
//
// The body is not signed, so Message.BodySigned is false: ask Mercado Pago's
// API for the object with data.id. Notifications of QR codes are not signed, so
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
