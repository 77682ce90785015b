// Command sender sends one signed message to http://$ADDR/hook, and retries until
// it is handled.
//
//	ADDR            where the endpoint listens, default 127.0.0.1:8080
//	WEBHOOK_SECRET  what to sign with: one or more whsec_ or whsk_ keys, space separated
//
// The argument is the type of the event, default "example.created". The exit
// status is 0 if the message was handled, 1 if it was not, and 2 for a usage
// error.
package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/nethttp"
)

func main() {
	secrets := strings.Fields(os.Getenv("WEBHOOK_SECRET"))
	if len(secrets) == 0 || len(os.Args) > 2 || len(os.Args) == 2 && strings.HasPrefix(os.Args[1], "-") {
		fmt.Fprintln(os.Stderr, "usage: [ADDR=host:port] WEBHOOK_SECRET=whsec_... sender [event type]")
		os.Exit(2)
	}
	kind := "example.created"
	if len(os.Args) == 2 {
		kind = os.Args[1]
	}
	if err := send("http://"+cmp.Or(os.Getenv("ADDR"), "127.0.0.1:8080")+"/hook", kind, secrets); err != nil {
		fmt.Fprintln(os.Stderr, "sender:", err)
		os.Exit(1)
	}
}

// send makes up to four attempts. The example schedule of Standard Webhooks
// waits seconds, then minutes, then hours. This schedule is shorter.
func send(url, kind string, secrets []string) error {
	signer, err := core.NewSigner(secrets...)
	if err != nil {
		return fmt.Errorf("WEBHOOK_SECRET: %w", err)
	}
	client := &http.Client{Transport: nethttp.NewTransport(signer, nil), Timeout: 20 * time.Second}
	body, err := json.Marshal(map[string]any{"type": kind, "timestamp": time.Now().UTC(), "data": map[string]int{"amount": 42}})
	if err != nil {
		return err
	}
	id := core.NewID() // the same for every attempt; the transport sets the timestamp of each attempt and signs it
	for _, wait := range []time.Duration{time.Second, time.Second, 2 * time.Second, 0} {
		status, reply, err := attempt(client, url, id, body)
		if err != nil {
			fmt.Println("sender:", id, err)
		} else {
			fmt.Println("sender:", id, status, reply)
		}
		if err == nil && status >= 200 && status < 300 {
			return nil
		}
		time.Sleep(wait)
	}
	return fmt.Errorf("%s was not handled", id)
}

func attempt(client *http.Client, url, id string, body []byte) (int, string, error) {
	req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Webhook-Id", id)
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	reply, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	return resp.StatusCode, strings.TrimSpace(string(reply)), err
}
