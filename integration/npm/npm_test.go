// Package npm_test verifies what the providers' own libraries sign.
package npm_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/integration/services"
	"github.com/hookonce/hookonce/schemes"
	"github.com/hookonce/hookonce/stores/memstore"
)

// signed is one request of sign.mjs.
type signed struct {
	Name, Secret, URL, Body string
	Headers                 map[string]string
}

func TestWhatTheProvidersLibrariesSignIsAccepted(t *testing.T) {
	t.Parallel()
	now := time.Now()
	requests := sign(t, now)
	names := make(map[string]int)
	for _, s := range requests {
		names[s.Name]++
		h := make(http.Header)
		r := &core.Request{Method: http.MethodPost, URL: "/hook", Header: h, Body: []byte(s.Body)}
		for name, value := range s.Headers {
			h.Set(name, value)
		}
		settings := schemes.Settings{}
		if u, err := url.Parse(s.URL); err == nil && s.URL != "" {
			r.URL, settings.URL = u.RequestURI(), u.Scheme+"://"+u.Host
		}
		scheme, err := schemes.New(s.Name, settings)
		if err != nil {
			t.Fatal(err)
		}
		v, err := core.New(core.Secrets(s.Secret), memstore.New(), &core.Config{
			Scheme: scheme, Clock: func() time.Time { return now }, DangerouslyReplayableAfterRestart: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify(t.Context(), r); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
		r.Body = append(r.Body, '0')
		if _, err := v.Verify(t.Context(), r); err == nil {
			t.Errorf("%s: a byte more in the body is accepted", s.Name)
		}
	}
	for name, want := range map[string]int{"standard": 1, "svix": 1, "stripe": 1, "github": 1, "twilio": 4} { // Twilio: forms of three kinds and JSON
		if names[name] != want {
			t.Errorf("%d requests were signed for %s, want %d", names[name], name, want)
		}
	}
}

// sign installs the libraries and runs sign.mjs.
func sign(t *testing.T, now time.Time) []signed {
	t.Helper()
	dir := services.NodeModules(t, ".", "sign.mjs")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, "node", "sign.mjs", strconv.FormatInt(now.Unix(), 10))
	run.Dir, run.Stderr = dir, os.Stderr
	out, err := run.Output()
	if err != nil {
		t.Fatal(err)
	}
	var requests []signed
	if err := json.Unmarshal(out, &requests); err != nil {
		t.Fatal(err)
	}
	return requests
}
