package redisstore_test

import (
	"context"
	"crypto/sha1" //nolint:gosec // the name that Redis gives to a script
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/stores/redisstore"
)

func swap(do func(context.Context, ...any) (any, error)) (core.Value, error) {
	answer := func(ctx context.Context, args ...any) (any, error) {
		if args[0] == "INFO" {
			return "maxmemory_policy:noeviction\r\n", nil
		}
		return do(ctx, args...)
	}
	return redisstore.NewFunc("orders", answer).Swap(context.Background(), core.Key{1}, core.Value{}, core.Value{1}, time.Minute)
}

// Otherwise each claim would send the script, and nothing but the time would tell.
func TestTheDigestIsThatOfTheScript(t *testing.T) {
	t.Parallel()
	var digest, script string
	_, err := swap(func(_ context.Context, args ...any) (any, error) {
		if args[0] == "EVALSHA" {
			digest = fmt.Sprint(args[1])
			return nil, errors.New("NOSCRIPT No matching script. Please use EVAL")
		}
		script = fmt.Sprint(args[1])
		return "", nil
	})
	sum := sha1.Sum([]byte(script))
	if want := hex.EncodeToString(sum[:]); err != nil || digest != want {
		t.Errorf("the digest is %s, not %s (error %v)", digest, want, err)
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
		{"ERR unknown command 'EVALSHA', with args beginning with: 'ASK'", "no scripts", false},
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

func TestAClientThatPanicsIsAnError(t *testing.T) {
	t.Parallel()
	if _, err := swap(func(context.Context, ...any) (any, error) { panic("no pool") }); err == nil || !strings.Contains(err.Error(), "no pool") {
		t.Errorf("error %v", err)
	}
}
