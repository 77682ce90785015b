package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/schemes"
)

func keygenCommand() command {
	return command{
		name: "keygen", does: "generate a secret or a key pair",
		example: "hookonce keygen --out secret.txt",
		more: "For Standard Webhooks and the senders that use it, keygen prints a whsec_ secret, or with --pair a whsk_ key that signs and a whpk_ key " +
			"that verifies. For other schemes it prints 32 random bytes in hexadecimal. With --out, the secret or signing key goes to that file " +
			"instead.\n\nkeygen accepts the flags of other commands, so a script can pass the same flags to all commands. It ignores secrets, time and " +
			"URL.",
		setUp: func(f *flag.FlagSet) action {
			k := &keygen{common: commonFlags(f)}
			f.BoolVar(&k.pair, "pair", false, "generate an ed25519 key pair instead of a shared secret")
			f.StringVar(&k.out, "out", "", "write the secret or signing key to a new `FILE` that only you can read")
			return k.run
		},
	}
}

type keygen struct {
	*common // a script can pass the same flags to every command

	pair bool
	out  string
}

// keys is the result. Fields that were written to a file are empty.
type keys struct {
	Secret  string `json:"secret,omitempty"`
	Signing string `json:"signing,omitempty"`
	Public  string `json:"public,omitempty"`
	File    string `json:"file,omitempty"`
}

func (k *keygen) run(_ context.Context, c *console) error {
	made, err := k.make()
	if err != nil {
		return err
	}
	if k.out != "" {
		if err := writeNew(k.out, made.Secret+made.Signing); err != nil {
			return err
		}
		made.Secret, made.Signing, made.File = "", "", k.out
	}
	if k.json {
		c.object(made)
		return nil
	}
	for _, line := range []string{made.Secret, made.Signing, made.Public} {
		if line != "" {
			c.say("%s\n", line)
		}
	}
	if k.out != "" {
		c.note("hookonce: the secret was written to %s", k.out)
	}
	return nil
}

func (k *keygen) make() (keys, error) {
	// No setting changes the form of a secret.
	k.settings = schemes.Settings{URL: "https://example.com/", Header: "X-Id", Audience: "x", DangerouslyReplayable: true}
	scheme, err := k.newScheme("")
	if err != nil {
		return keys{}, err
	}
	_, standard := scheme.(core.StandardWebhooks)
	switch {
	case standard && k.pair:
		signing, public := core.GenerateKeyPair()
		return keys{Signing: signing, Public: public}, nil
	case standard:
		return keys{Secret: core.GenerateSecret()}, nil
	case k.pair:
		return keys{}, usageError("--pair is for Standard Webhooks: " + k.scheme + " uses a shared secret, or keys that its sender creates")
	}
	var raw [32]byte
	rand.Read(raw[:])
	secret := hex.EncodeToString(raw[:])
	probe := &core.Request{Method: http.MethodPost, URL: "/", Header: http.Header{}}
	if err := schemes.Sign(scheme, probe, "", time.Unix(1_700_000_000, 0), secret); errors.Is(err, errors.ErrUnsupported) {
		return keys{}, usageError("cannot create a secret for " + k.scheme + ": copy it from the sender")
	}
	return keys{Secret: secret}, nil
}

func writeNew(name, text string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the file that the user names
	if err != nil {
		return cannot("--out", "written", err)
	}
	_, err = fmt.Fprintln(f, text)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	return nil
}
