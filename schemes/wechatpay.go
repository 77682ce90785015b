package schemes

import "github.com/hookonce/hookonce/core"

// WeChatPay returns the scheme for WeChat Pay's API v3. The Wechatpay-Signature
// header holds the base64-encoded RSA signature (SHA-256) of the timestamp,
// nonce and body, each followed by a line break. The secret is the public key
// or the platform certificate that Wechatpay-Serial names. It is the PEM text
// between its BEGIN and END lines, without the line breaks. WeChat Pay
// sometimes sends invalid signatures on purpose, to check that they are
// rejected.
//
// The notification's id in the body identifies the message. The notification's
// resource is encrypted under the API key, and the handler must decrypt it.
//
// Source: wechatpay-go 0.2.21 and pay.weixin.qq.com, as of November 2026.
func WeChatPay() core.Scheme {
	return must(Template{
		Name: "wechatpay", Signature: Header("Wechatpay-Signature"), Algorithm: RSASHA256, Secret: Base64Text, Encoding: core.Base64,
		Timestamp: Header("Wechatpay-Timestamp"), Stamping: core.StampedEachAttempt,
		Nonce:   Header("Wechatpay-Nonce"),
		ID:      JSON("id"),
		Content: "{timestamp}\n{nonce}\n{body}\n",
	})
}
