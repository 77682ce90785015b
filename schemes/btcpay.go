package schemes

import "github.com/hookonce/hookonce/core"

// BTCPay returns the scheme for BTCPay Server's webhooks. The BTCPay-Sig header
// holds "sha256=" followed by the hex-encoded HMAC-SHA256 of the body.
//
// The originalDeliveryId in the body identifies the message. It is the same in
// all redeliveries, automatic and manual, and equals the deliveryId of the
// first attempt. For each redelivery, BTCPay renders the body again with
// another deliveryId. Attempts have no signed timestamp: timestamp is the time
// of the event. This scheme has not been tested against an official library or
// a published test vector.
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
