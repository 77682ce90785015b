package schemes

import "github.com/hookonce/hookonce/core"

// WeChatPay is the scheme of WeChat Pay's API v3: Wechatpay-Signature, RSA with
// SHA-256 over time, nonce and body, each followed by a line break, in base64.
// The secret is the public key or the platform certificate that
// Wechatpay-Serial names: the text between its BEGIN and END lines, without the
// line breaks. WeChat Pay sometimes sends wrong signatures on purpose, to see
// them rejected.
//
// The notification's id in the body identifies the message. Its resource is
// encrypted under the API key, and decrypting it is the handler's task.
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
