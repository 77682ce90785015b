package redisstore_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
)

// server does what the store's scripts do on a Redis that keeps its data. The
// examples run on it.
type server struct {
	mu      sync.Mutex
	records map[string]string
}

// Do is a client's method.
func (s *server) Do(_ context.Context, args ...any) cmd { return reply{s.run(args)} }

type reply struct{ got any }

func (r reply) Result() (any, error) {
	err, _ := r.got.(error)
	return r.got, err
}

// run answers EVAL with a script, the number of its keys, the keys and their
// arguments.
func (s *server) run(args []any) any {
	var words []string
	for _, arg := range args {
		word, _ := arg.(string)
		words = append(words, word)
	}
	if words[0] != "EVAL" {
		return errors.New("NOSCRIPT No matching script. Please use EVAL")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n, _ := strconv.Atoi(words[2])
	keys, argv := words[3:3+n], words[3+n:]
	switch {
	case strings.Contains(words[1], "INFO"):
		return "role:master\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\n"
	case strings.Contains(words[1], "tonumber"):
		s.records[keys[0]] = argv[0]
		return ""
	}
	messages := len(argv) / 3
	if n > messages && s.records[keys[messages]] != argv[0] {
		return "since:" + s.records[keys[messages]]
	}
	var replies strings.Builder
	for i := range messages {
		old, next := argv[3*i+1], argv[3*i+2]
		switch live := s.records[keys[i]]; live {
		case old:
			s.records[keys[i]] = next
			replies.WriteString("+")
		case "":
			replies.WriteString("-")
		case next:
			replies.WriteString("+")
		default:
			replies.WriteString("=" + live)
		}
	}
	return replies.String()
}

// sendCommand is a client that takes text.
func sendCommand(ctx context.Context, command ...string) (any, error) {
	args := make([]any, len(command))
	for i, word := range command {
		args[i] = word
	}
	return rdb.Do(ctx, args...).Result()
}
