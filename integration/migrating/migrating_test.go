package migrating_test

import (
	_ "github.com/go-playground/webhooks/v6/github"
	_ "github.com/google/go-github/v89/github"
	_ "github.com/hookonce/hookonce/nethttp"
	_ "github.com/slack-go/slack"
	_ "github.com/standard-webhooks/standard-webhooks/libraries/go"
	_ "github.com/stripe/stripe-go/v85/webhook"
	_ "github.com/svix/svix-webhooks/go"
)
