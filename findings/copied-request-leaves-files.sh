#!/usr/bin/env bash
# A middleware that adds a value to the request's context makes net/http leave the
# temporary files of uploads behind.
#
# Seen with net/http of Go 1.26. ParseMultipartForm writes large parts to temporary
# files, and the server removes them after the handler. It looks for them in the
# request that it made itself. Request.WithContext returns another one, so what the
# handler parses there is never removed. The files stay when the program ends.
#
# Why a receiver of webhooks minds: a middleware hands the verified message on in a
# context. Emails with attachments, delivered as forms, then fill the disk.
#
# The script fails if net/http behaves in another way.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'MOD'
module copiedrequest

go 1.26.0
MOD
cat >main.go <<'GO'
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
)

type key struct{}

// post uploads 100 KiB and returns how many files there are in the temporary folder when the server has closed.
func post(h http.Handler) int {
	tmp, err := os.MkdirTemp(".", "uploads")
	if err != nil {
		panic(err)
	}
	os.Setenv("TMPDIR", tmp)
	var form bytes.Buffer
	m := multipart.NewWriter(&form)
	part, _ := m.CreateFormFile("attachment", "invoice.pdf")
	part.Write(make([]byte, 100<<10))
	m.Close()
	s := httptest.NewServer(h)
	resp, err := http.Post(s.URL, m.FormDataContentType(), &form)
	if err != nil {
		panic(err)
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	s.Close()
	if string(body) != "102400 bytes" {
		panic(string(body))
	}
	files, _ := filepath.Glob(tmp + "/*")
	return len(files)
}

func main() {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseMultipartForm(1 << 10); err != nil {
			panic(err)
		}
		fmt.Fprintf(w, "%d bytes", r.MultipartForm.File["attachment"][0].Size)
	})
	withValue := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, "evt_1")))
	})
	direct, copied := post(handler), post(withValue)
	fmt.Println("files that stay, handler alone:", direct)
	fmt.Println("files that stay, middleware with WithContext:", copied)
	if direct != 0 || copied != 1 {
		fmt.Println("this differs from what was seen")
		os.Exit(1)
	}
}
GO
GOFLAGS=-mod=mod go run .
