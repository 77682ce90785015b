package schemes

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/hookonce/hookonce/core"
)

// Adyen returns the scheme for Adyen's payment webhooks.
// additionalData.hmacSignature in the body holds the base64-encoded HMAC-SHA256
// of eight fields of the item. The secret is the hex-encoded key, as Adyen
// shows it. For platform and management webhooks, see [AdyenPlatform].
//
// Only those fields are signed: the reference numbers, merchant account,
// amount, event code and success flag. Anyone who captured a message can change
// everything else in the body, so Message.BodySigned is false. The signed
// fields identify the message. Attempts have no signed timestamp.
//
// Source: Adyen/adyen-node-api-library, src/utils/hmacValidator.ts at commit
// 0f50ac7, as of November 2026.
func Adyen() core.Scheme {
	return adyen{must(Template{
		Name: "adyen", Signature: JSON("hmacSignature"), Encoding: core.Base64, Secret: HexText,
		Content: "{method}", bodyless: true, // only for the checks; see ReadBody
	})}
}

type adyen struct{ *templated }

// Facts implements [core.Describer].
func (s adyen) Facts() core.Facts { return s.facts(s, nil) }

func (adyen) ReadHeader(*core.Request, *core.Attempt) error { return nil }

func (s adyen) ReadBody(r *core.Request, a *core.Attempt) error {
	item, err := adyenItem(r.Body)
	if err != nil {
		return malformed("the body is not a valid Adyen notification: " + err.Error())
	}
	var additional struct {
		Signature string `json:"hmacSignature"`
	}
	if raw, ok := item["additionalData"]; ok && json.Unmarshal(raw, &additional) != nil || additional.Signature == "" {
		return &core.Error{Reason: core.ErrMissingHeader, Detail: "additionalData.hmacSignature in the body is missing, is empty or is not a string: is HMAC enabled for this webhook at Adyen?"}
	}
	fields, err := adyenFields(item)
	if err != nil {
		return malformed(err.Error())
	}
	a.Signatures = append(a.Signatures, core.Signature{Label: s.label, Text: additional.Signature})
	if visible(fields[0]) {
		a.ID = fields[0] // several events share this reference, so it serves only for logs
	}
	a.Content.WriteString(strings.Join(fields, ":"))
	return nil
}

// adyenItem returns the only item of a body. Only the item's fields are signed,
// so two parsers of the body must not find different items.
func adyenItem(body []byte) (object, error) {
	root, err := parseObject(body)
	if err != nil {
		return nil, err
	}
	var items []json.RawMessage
	if json.Unmarshal(root["notificationItems"], &items) != nil || len(items) != 1 {
		return nil, errors.New("notificationItems must have exactly one item")
	}
	outer, err := parseObject(items[0])
	if err != nil {
		return nil, err
	}
	return parseObject(outer["NotificationRequestItem"])
}

// adyenFields returns the signed fields in signed order, separated by colons.
// Only the merchant's reference may contain a colon, so the signed text splits
// into fields in only one way.
func adyenFields(item object) ([]string, error) {
	amount := object{}
	if raw, ok := item["amount"]; ok {
		var err error
		if amount, err = parseObject(raw); err != nil {
			return nil, fmt.Errorf("amount: %w", err)
		}
	}
	// In signed order. value and currency are members of amount.
	names := []string{"pspReference", "originalReference", "merchantAccountCode", "merchantReference", "value", "currency", "eventCode", "success"}
	if item.misspells(append(names[:4:4], "amount", "eventCode", "success")) || amount.misspells(names[4:6]) {
		return nil, errors.New("the body has the name of a signed field in the wrong case, such as PspReference for pspReference")
	}
	fields := make([]string, len(names))
	for i, name := range names {
		of := item
		if name == "value" || name == "currency" {
			of = amount
		}
		text, ok := of.text(name)
		switch raw := string(of[name]); {
		case name == "value":
			text, ok = raw, only(raw, "-0123456789")
		// Adyen signs an absent field as an empty string.
		case raw == "" || raw == "null":
			ok = true
		}
		if !ok && name == "value" {
			return nil, errors.New("amount.value in the body must be a whole number")
		}
		if !ok {
			return nil, errors.New(name + " in the body must be a string")
		}
		if name != "merchantReference" && strings.Contains(text, ":") {
			return nil, errors.New(name + " contains a colon, so one signature would fit two messages")
		}
		fields[i] = text
	}
	return fields, nil
}
