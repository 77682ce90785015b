// Command rotation changes a secret without losing a message, and shows when
// the old secret can be removed.
//
// It needs no network: it verifies by calling a function. In an application,
// pass the same keys to core.New. The key ids then appear in Config.Observe and
// in the log of core.SlogObserver.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/stores/memstore"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "rotation:", err)
		os.Exit(1)
	}
}

func run() error {
	now := time.Now()
	oldText, newText := core.GenerateSecret(), core.GenerateSecret()

	// Newest first. Without ids and dates this is core.Secrets(newText, oldText). Ids make the log
	// readable, and the end date retires the old secret even if nobody remembers to remove it.
	next, old := core.NewSecret(newText), core.NewSecret(oldText)
	next.ID, old.ID = "2026-06", "2026-01"
	old.NotAfter = now.Add(7 * 24 * time.Hour)

	clock := now
	v, err := core.New(core.SecretList(next, old), memstore.New(), &core.Config{Clock: func() time.Time { return clock }})
	if err != nil {
		return err
	}

	for _, step := range []struct {
		what    string
		secrets []string
		after   time.Duration
		want    string
	}{
		{"the receiver knows both, the sender still signs with the old one", []string{oldText}, 0, "2026-01"},
		{"the sender signs with both: the new one is found first", []string{newText, oldText}, 24 * time.Hour, "2026-06"},
		{"the sender signs with the new one alone: the old one is out of use", []string{newText}, 48 * time.Hour, "2026-06"},
		{"a week later somebody signs with the old one", []string{oldText}, 8 * 24 * time.Hour, "refused: no-match"},
	} {
		clock = now.Add(step.after)
		got, err := keyOf(v, clock, step.secrets)
		if err != nil {
			return err
		}
		fmt.Printf("%-68s key %s\n", step.what, got)
		if got != step.want {
			return fmt.Errorf("expected %s", step.want)
		}
	}
	return nil
}

// keyOf returns the id of the key that verifies a message signed with secrets
// at the time at.
func keyOf(v *core.Verifier, at time.Time, secrets []string) (string, error) {
	signer, err := core.NewSigner(secrets...)
	if err != nil {
		return "", err
	}
	h := make(http.Header)
	r := &core.Request{Method: http.MethodPost, URL: "/hook", Header: h, Body: []byte(`{"type":"example.created"}`)}
	if err := signer.Sign(h, core.NewID(), at, r.Body); err != nil {
		return "", err
	}
	msg, err := v.Verify(context.Background(), r)
	if refusal := (*core.Error)(nil); errors.As(err, &refusal) {
		return "refused: " + string(refusal.Reason), nil
	}
	return msg.KeyID, err
}
