package schemes

import "github.com/hookonce/hookonce/core"

// Terraform is the scheme of HCP Terraform's notifications:
// X-Tfe-Notification-Signature, HMAC-SHA512 of the body in hexadecimal under
// the token of the notification. The body identifies the message. No document
// says that two events have different bodies, so a redelivery is not
// acknowledged. No time of an attempt is signed. Neither a library of the
// sender nor a published vector confirms this scheme.
//
// Source: another project's verifier, as of November 2026; the sender documents
// it at
// developer.hashicorp.com/terraform/cloud-docs/api-docs/notification-configurations.
func Terraform() core.Scheme {
	return must(Template{
		Name: "terraform", Signature: Header("X-Tfe-Notification-Signature"),
		Algorithm:  HMACSHA512,
		Indistinct: true,
		Content:    "{body}",
	})
}
