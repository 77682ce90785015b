package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/capture"
	"github.com/hookonce/hookonce/internal/redact"
)

// The bounds of what one run saves. Later deliveries are received but not
// saved.
const (
	maxSaved      = 1000
	maxSavedBytes = 256 << 20
)

// saver writes each delivery to a separate file in one directory.
type saver struct {
	root   *os.Root
	hidden hidden

	mu    sync.Mutex
	files int
	bytes int64
	ended error // why no more deliveries are saved
}

// newSaver creates the directory if it is missing.
func newSaver(dir string, h hidden) (*saver, error) {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, cannotDir(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, cannotDir(err)
	}
	return &saver{root: root, hidden: h}, nil
}

// cannotDir returns an error without the directory's name, as console.read
// does.
func cannotDir(err error) error {
	return usageError("--save: the directory cannot be used: " + cause(err))
}

var errEnough = errors.New("the limit of 1,000 deliveries or 256 MiB is reached, so later deliveries are not saved")

// save writes a delivery as a raw request, which --request reads. The file name
// consists of the arrival time in the form of --now, a number, and the verdict.
// No part of it comes from the sender. The error is for the user, and is
// returned only once.
func (s *saver) save(x *exchange, at time.Time, status int, reason core.Reason) (name string, err error) {
	text := x.raw(s.hidden)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != nil {
		return "", nil
	}
	if s.files == maxSaved || s.bytes+int64(len(text)) > maxSavedBytes {
		s.ended = errEnough
		return "", s.ended
	}
	s.files++
	s.bytes += int64(len(text))
	var f *os.File
	for n := s.files; f == nil; n++ { // an earlier run may have saved in the same second
		name = fmt.Sprintf("%d-%04d-%d-%s.txt", at.Unix(), n, status, reason)
		f, err = s.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil && (!errors.Is(err, fs.ErrExist) || n > s.files+maxSaved) {
			s.ended = errors.New("cannot save a delivery, so later deliveries are not saved either: " + cause(err))
			return "", s.ended
		}
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Close()); err != nil {
		s.ended = errors.New("cannot save a delivery, so later deliveries are not saved either: " + cause(err))
		return "", s.ended
	}
	return name, nil
}

// raw returns the delivery as it was on the wire, except that chunks are
// joined, header names are canonical, and secrets are replaced.
func (x *exchange) raw(h hidden) string {
	return capture.Raw(x.method, x.target, x.host, x.header, x.bytes(), redact.List(h))
}
