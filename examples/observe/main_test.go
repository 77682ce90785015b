package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

func TestWhatItPrints(t *testing.T) {
	t.Parallel()
	var out, log bytes.Buffer
	if err := run(t.Context(), &out, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))); err != nil {
		t.Fatal(err)
	}
	const attempts = `hookonce_attempts_total{hookonce_reason="`
	const rest = `",hookonce_scheme="standard",http_request_method="POST",http_response_status_code="`
	want := strings.Join([]string{
		attempts + `handled` + rest + `200"} 2`,
		attempts + `handler-failed` + rest + `500"} 1`,
		attempts + `no-match` + rest + `401"} 2`,
		attempts + `outside-window` + rest + `401"} 1`,
		attempts + `redelivery` + rest + `200"} 1`,
		attempts + `replay` + rest + `409"} 1`,
		`hookonce_body_duration_seconds_count{hookonce_scheme="standard"} 7`,
		`hookonce_body_size_bytes_count{hookonce_scheme="standard"} 7`,
		`hookonce_check_duration_seconds_count{hookonce_scheme="standard"} 7`,
		`hookonce_handler_duration_seconds_count{error_type="handler-failed",hookonce_scheme="standard"} 1`,
		`hookonce_handler_duration_seconds_count{hookonce_scheme="standard"} 2`,
		`hookonce_key_uses_total{hookonce_key_id="2026-01",hookonce_scheme="standard"} 1`,
		`hookonce_key_uses_total{hookonce_key_id="2026-06",hookonce_scheme="standard"} 4`,
		`hookonce_keys_duration_seconds_count{hookonce_scheme="standard"} 7`,
		`hookonce_store_duration_seconds_count{hookonce_scheme="standard"} 5`,
	}, "\n") + "\n"
	if out.String() != want {
		t.Errorf("printed:\n%s\nwant:\n%s", &out, want)
	}
	for _, reason := range []string{"handled", "handler-failed", "no-match", "outside-window", "redelivery", "replay"} {
		if !strings.Contains(log.String(), "reason="+reason) {
			t.Errorf("not logged: %s", reason)
		}
	}
}
