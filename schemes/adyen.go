package schemes

import (
	"encoding/json"

	"github.com/hookonce/hookonce/core"
)

// Adyen is the scheme of Adyen's payment webhooks: additionalData.hmacSignature in the body, HMAC-SHA256 in base64 of eight fields of the item, under the
// key that Adyen shows in hexadecimal. For platforms and management see [AdyenPlatform].
//
// Only those fields are signed: reference numbers, merchant account, amount, event code and success. Everything else in the body can be changed
// by whoever captured one message, and Message.BodySigned is false. The signed fields identify the message.
func Adyen() core.Scheme {
	return adyen{must(Template{
		Name: "adyen", Signature: JSON("hmacSignature"), Encoding: core.Base64, Secret: HexText,
		Content: "{method}", bodyless: true, // what is signed is below
	})}
}

type adyen struct{ *templated }

func (adyen) ReadHeader(*core.Request, *core.Attempt) error { return nil }

func (s adyen) ReadBody(r *core.Request, a *core.Attempt) error {
	var body struct {
		Items []struct {
			Item struct {
				PspReference        string `json:"pspReference"`
				OriginalReference   string `json:"originalReference"`
				MerchantAccountCode string `json:"merchantAccountCode"`
				MerchantReference   string `json:"merchantReference"`
				Amount              struct {
					Value    json.Number `json:"value"`
					Currency string      `json:"currency"`
				} `json:"amount"`
				EventCode      string `json:"eventCode"`
				Success        string `json:"success"`
				AdditionalData struct {
					Signature string `json:"hmacSignature"`
				} `json:"additionalData"`
			} `json:"NotificationRequestItem"`
		} `json:"notificationItems"`
	}
	if err := json.Unmarshal(r.Body, &body); err != nil || len(body.Items) != 1 {
		return malformed("the body is no notification with one item")
	}
	item := &body.Items[0].Item
	if item.AdditionalData.Signature == "" {
		return &core.Error{Reason: core.ErrMissingHeader, Detail: "additionalData.hmacSignature is missing in the body: is HMAC enabled for this webhook at Adyen?"}
	}
	a.Signatures = append(a.Signatures, core.Signature{Label: s.label, Text: item.AdditionalData.Signature})
	if visible(item.PspReference) {
		a.ID = item.PspReference // several events have it: for logs
	}
	for i, field := range []string{
		item.PspReference, item.OriginalReference, item.MerchantAccountCode, item.MerchantReference,
		item.Amount.Value.String(), item.Amount.Currency, item.EventCode, item.Success,
	} {
		if i > 0 {
			a.Content.WriteString(":")
		}
		a.Content.WriteString(field)
	}
	return nil
}
