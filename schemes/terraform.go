package schemes

import "github.com/hookonce/hookonce/core"

// Terraform returns the scheme for HCP Terraform's notifications. The
// X-Tfe-Notification-Signature header holds the hex-encoded HMAC-SHA512 of the
// body. The key is the notification's token. The body identifies the message.
// It is not known whether two events can have the same body, so a redelivery is
// refused with [core.ErrRepeated]. Attempts have no signed timestamp. This
// scheme has not been tested against an official library or a published test
// vector.
//
// Source:
// developer.hashicorp.com/terraform/cloud-docs/api-docs/notification-configurations,
// as of November 2026.
func Terraform() core.Scheme {
	return must(Template{
		Name: "terraform", Signature: Header("X-Tfe-Notification-Signature"),
		Algorithm:  HMACSHA512,
		Indistinct: true,
		Content:    "{body}",
	})
}
