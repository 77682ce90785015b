package migrating

import (
	"io"
	"net/http"

	playground "github.com/go-playground/webhooks/v6/github"
	"github.com/google/go-github/v89/github"
	"github.com/slack-go/slack"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	stripewebhook "github.com/stripe/stripe-go/v85/webhook"
	svix "github.com/svix/svix-webhooks/go"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/nethttp"
	"github.com/hookonce/hookonce/schemes"
)

func svixBefore(secret string, handle http.Handler) http.Handler {
	wh, err := svix.NewWebhook(secret)
	if err != nil {
		panic(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		payload, err := io.ReadAll(r.Body)
		if err != nil || wh.Verify(payload, r.Header) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		handle.ServeHTTP(w, r)
	})
}

func svixAfter(store core.SeenStore, handle http.Handler, secrets ...string) http.Handler {
	v := core.Must(core.New(core.Secrets(secrets...), store, nil))
	return nethttp.New(v)(handle)
}

func standardBefore(secret string, handle http.Handler) http.Handler {
	wh, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		panic(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		payload, err := io.ReadAll(r.Body)
		if err != nil || wh.Verify(payload, r.Header) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		handle.ServeHTTP(w, r)
	})
}

func standardAfter(store core.SeenStore, handle http.Handler, secrets ...string) http.Handler {
	v := core.Must(core.New(core.Secrets(secrets...), store, nil))
	return nethttp.New(v)(handle)
}

func stripeBefore(secret string, handle http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		payload, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if _, err := stripewebhook.ConstructEvent(payload, r.Header.Get("Stripe-Signature"), secret); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		handle.ServeHTTP(w, r)
	})
}

func stripeAfter(store core.SeenStore, handle http.Handler, secrets ...string) http.Handler {
	v := core.Must(core.New(core.Secrets(secrets...), store, &core.Config{Scheme: schemes.Stripe()}))
	return nethttp.New(v)(handle)
}

func githubBefore(secret string, handle http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := github.ValidatePayload(r, []byte(secret)); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		handle.ServeHTTP(w, r)
	})
}

func githubAfter(store core.SeenStore, handle http.Handler, secrets ...string) http.Handler {
	v := core.Must(core.New(core.Secrets(secrets...), store, &core.Config{Scheme: schemes.GitHub()}))
	return nethttp.New(v)(handle)
}

func slackBefore(secret string, handle http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		verifier, err := slack.NewSecretsVerifier(r.Header, secret)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if _, err := io.Copy(&verifier, r.Body); err != nil || verifier.Ensure() != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		handle.ServeHTTP(w, r)
	})
}

func slackAfter(store core.SeenStore, handle http.Handler, secrets ...string) http.Handler {
	v := core.Must(core.New(core.Secrets(secrets...), store, &core.Config{Scheme: schemes.Slack()}))
	return nethttp.New(v)(handle)
}

func playgroundBefore(secret string, handle http.Handler) http.Handler {
	hook, err := playground.New(playground.Options.Secret(secret))
	if err != nil {
		panic(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := hook.Parse(r, playground.PingEvent, playground.PushEvent); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		handle.ServeHTTP(w, r)
	})
}

func playgroundAfter(store core.SeenStore, handle http.Handler, secrets ...string) http.Handler {
	v := core.Must(core.New(core.Secrets(secrets...), store, &core.Config{Scheme: schemes.GitHub()}))
	return nethttp.New(v)(handle)
}
