package redisstore_test

import (
	"context"
	"crypto/sha1" //nolint:gosec // the name that Redis gives to a script
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/stores/redisstore"
)

func swap(do func(context.Context, ...any) (any, error)) (core.Value, error) {
	return redisstore.NewFunc("orders", do).Swap(context.Background(), core.Key{1}, core.Value{}, core.Value{1}, time.Minute)
}

// Otherwise each call would send the script, which would show only in the time.
func TestTheDigestsAreThoseOfTheScripts(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	asked, sent := map[string]bool{}, map[string]bool{}
	marked := false
	_, err := swap(func(_ context.Context, args ...any) (any, error) {
		mu.Lock()
		defer mu.Unlock()
		text := fmt.Sprint(args[1])
		if args[0] == "EVALSHA" {
			asked[text] = true
			return nil, errors.New("NOSCRIPT No matching script. Please use EVAL")
		}
		sum := sha1.Sum([]byte(text))
		sent[hex.EncodeToString(sum[:])] = true
		switch { // as a new server responds
		case strings.Contains(text, "INFO"):
			return "maxmemory_policy:noeviction\r\n", nil
		case strings.Contains(text, "tonumber"):
			marked = true
			return "", nil
		case !marked:
			return "since:", nil
		default:
			return "+", nil
		}
	})
	if err != nil || len(asked) != 3 || !maps.Equal(asked, sent) {
		t.Errorf("asked for %v, and the scripts are %v (error %v)", asked, sent, err)
	}
}

// TestBucketsAreSpreadOverACluster takes the hash of a key's tag as Redis Cluster does.
func TestBucketsAreSpreadOverACluster(t *testing.T) {
	t.Parallel()
	shares := make(map[uint16]string)
	for i := range 64 {
		var key string
		_, _ = redisstore.NewFunc("orders", func(_ context.Context, args ...any) (any, error) {
			if fmt.Sprint(args[2]) == "2" { // a key and its marker
				key = fmt.Sprint(args[3])
				if tag, marker := key[:len("orders:{xx}")], fmt.Sprint(args[4]); marker != tag+"since" {
					t.Errorf("the marker of %q is %q", key, marker)
				}
			}
			return "", nil
		}).Swap(context.Background(), core.Key{31: byte(i)}, core.Value{}, core.Value{1}, time.Minute)
		_, tag, _ := strings.Cut(key, "{")
		tag, _, _ = strings.Cut(tag, "}")
		var crc uint16
		for _, b := range []byte(tag) {
			crc ^= uint16(b) << 8
			for range 8 {
				if crc&0x8000 != 0 {
					crc = crc<<1 ^ 0x1021
				} else {
					crc <<= 1
				}
			}
		}
		share := crc % 16384 / 256
		if other := shares[share]; other != "" || tag == "" {
			t.Errorf("the buckets %q and %q are in one 64th of the slots", tag, other)
		}
		shares[share] = tag
	}
}

func TestACodeIsAWordOfItsOwn(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text, remedy string
		full         bool
	}{
		{"OOM command not allowed when used memory > 'maxmemory'.", "raise maxmemory", true},
		{"ERR Error running script (call to f_1): @user_script:7: -OOM command not allowed", "raise maxmemory", true},
		{"redis: connection pool timeout", "PoolSize", false},
		{"dial tcp: lookup ROOM-7: no such host", "", false},
		{"dial tcp: lookup TASKS: no such host", "", false},
		{"ERR The user executing the script can't run this command or subcommand script: 1, on @user_script:2.", "+get +set", false},
		{"ERR ACL failure in script: User app has no permissions to run the 'get' command script: 1, on @user_script:5.", "+get +set", false},
		{"ERR unknown command 'EVALSHA', with args beginning with: 'ASK'", "does not support scripts", false},
	}
	for _, tt := range tests {
		cause := errors.New(tt.text)
		_, err := swap(func(context.Context, ...any) (any, error) { return nil, cause })
		if !errors.Is(err, cause) || errors.Is(err, core.ErrStoreFull) != tt.full || !strings.Contains(err.Error(), tt.remedy) {
			t.Errorf("%s: %v", tt.text, err)
		}
		if tt.remedy == "" && err.Error() != "redisstore: "+tt.text {
			t.Errorf("%s: a remedy for something else: %v", tt.text, err)
		}
	}
}

// TestACancelledCallIsNotATimeout: its error must not send anybody to look for a stalled server.
func TestACancelledCallIsNotATimeout(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := redisstore.NewFunc("orders", func(ctx context.Context, _ ...any) (any, error) {
		cancel()
		<-ctx.Done()
		return nil, ctx.Err()
	})
	_, err := s.Swap(ctx, core.Key{1}, core.Value{}, core.Value{1}, time.Minute)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "was cancelled") || strings.Contains(err.Error(), "in time") {
		t.Errorf("error %v", err)
	}
}

// TestAReadThatTimesOutIsNotAnUnreachableServer: a client has its own time limit, besides ctx.
func TestAReadThatTimesOutIsNotAnUnreachableServer(t *testing.T) {
	t.Parallel()
	cause := &net.OpError{Op: "read", Net: "tcp", Err: os.ErrDeadlineExceeded}
	_, err := swap(func(context.Context, ...any) (any, error) { return nil, cause })
	if !errors.Is(err, cause) || !strings.Contains(err.Error(), "did not respond in time") {
		t.Errorf("error %v", err)
	}
}

func TestAClientThatPanicsIsAnError(t *testing.T) {
	t.Parallel()
	if _, err := swap(func(context.Context, ...any) (any, error) { panic("no pool") }); err == nil || !strings.Contains(err.Error(), "no pool") {
		t.Errorf("error %v", err)
	}
}

// TestCallsThatNeverReturnAreBounded: a client without timeouts would otherwise
// use more memory with each request.
func TestCallsThatNeverReturnAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var running atomic.Int64
		end := make(chan bool)
		s := redisstore.NewFunc("orders", func(context.Context, ...any) (any, error) {
			running.Add(1)
			<-end
			return "", nil
		})
		var err error
		for range 2000 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err = s.Swap(ctx, core.Key{}, core.Value{}, core.Value{1}, time.Minute)
			cancel()
		}
		if n := running.Load(); n > 1024 || err == nil || !strings.HasPrefix(err.Error(), "redisstore: 1024 calls of the client have not returned") {
			t.Errorf("%d calls are running, error %v", n, err)
		}
		close(end)
	})
}
