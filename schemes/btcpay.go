package schemes

import "github.com/hookonce/hookonce/core"

// BTCPay is the scheme of BTCPay Server's webhooks: BTCPay-Sig, HMAC-SHA256 of
// the body in hexadecimal after "sha256=".
//
// The originalDeliveryId in the body identifies the message. It stays the same
// over all redeliveries, automatic and manual, and equals the deliveryId of the
// first. BTCPay renders the body again for a redelivery, with another
// deliveryId. No time of an attempt is signed: timestamp is the time of the
// event. Neither a library of the sender nor a published vector confirms this
// scheme.
//
// Source: btcpayserver/btcpayserver, WebhookSender.cs at commit 0f9ad14 and
// InvoiceWebhookProvider.cs at 03d32eb, as of November 2026.
func BTCPay() core.Scheme {
	return must(Template{
		Name: "btcpay", Signature: Header("Btcpay-Sig"), Label: "sha256=",
		ID: JSON("originalDeliveryId"), IDOptional: true,
		Stable:  []Field{JSON("type"), JSON("timestamp"), JSON("storeId"), JSON("invoiceId"), JSON("payment")},
		Content: "{body}",
	})
}
