package redisstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/hookonce/hookonce/core"
)

// remedies returns the fixes for errors of Redis and Valkey, by their code. The
// code is the first word, unless the client or the script adds a prefix.
func remedies() []struct{ word, remedy string } {
	return []struct{ word, remedy string }{
		{"OOM", "the server is full: raise maxmemory, or shorten core.Config.Remember"},
		{"READONLY", "the server is a read-only replica: connect to the primary, through Sentinel or a cluster client if the primary can change"},
		{"NOAUTH", "the server requires a password: give the client the password"},
		{"WRONGPASS", "the server does not accept the client's user name or password"},
		{"NOPERM", "the user's ACL forbids the command: allow +eval +evalsha +get +set on the keys of the namespace, +info, and +config|get for Check"},
		{"MISCONF", "the server cannot save to its disk, so it refuses writes: check the disk and the server's log"},
		{"LOADING", "the server is loading its data after a start: wait until the server is ready"},
		{"MASTERDOWN", "the replica has lost its primary: connect to the primary"},
		{"CLUSTERDOWN", "the cluster does not serve all of its slots: check CLUSTER INFO"},
		{"MOVED", "the server belongs to a cluster: use a cluster client (redis.NewClusterClient)"},
		{"ASK", "the server belongs to a cluster: use a cluster client (redis.NewClusterClient)"},
		{"NOREPLICAS", "fewer replicas are connected than min-replicas-to-write requires: check the replicas"},
		{"BUSY", "another client's long-running script blocks the server: end the script with SCRIPT KILL"},
		{"WRONGTYPE", "a key of this namespace belongs to something else: give the store a namespace that nothing else writes to"},
	}
}

// isDenied reports whether the server's ACL forbids the command.
func isDenied(err error) bool {
	word, _ := lookUp(err.Error())
	return word == "NOPERM"
}

// explain adds the fix to an error of the client or the server. The cause stays
// in the chain.
func explain(err error) error {
	word, remedy := lookUp(err.Error())
	if word == "OOM" {
		return fmt.Errorf("redisstore: %s: %w: %w", remedy, core.ErrStoreFull, err)
	}
	if remedy != "" {
		return fmt.Errorf("redisstore: %s: %w", remedy, err)
	}
	var unreachable net.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &unreachable) && unreachable.Timeout():
		return fmt.Errorf("redisstore: the server did not respond in time: it is stalled, too slow or unreachable. Check that the server runs, and check the "+
			"client's address: %w", err)
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("redisstore: the call was cancelled: %w", err)
	case errors.As(err, &unreachable), isCut(err):
		return fmt.Errorf("redisstore: the server cannot be reached, or the connection was closed: check that the server runs, and check the client's address: %w", err)
	default:
		return fmt.Errorf("redisstore: %w", err)
	}
}

// lookUp finds a code as a whole word: a host named TASKS is not the code ASK.
func lookUp(text string) (word, remedy string) {
	switch {
	case strings.Contains(text, "connection pool timeout"):
		return "", "all connections of the client's pool are busy: raise PoolSize, and check whether the server is slow"
	case strings.Contains(text, "max number of clients reached"):
		return "", "the server has as many connections as maxclients allows: raise maxclients, or make the clients' pools smaller"
	case strings.Contains(text, "sentinels"):
		return "", "no Sentinel responds: check that the Sentinels run, and check their addresses"
	case strings.Contains(text, "unknown command"):
		return "", "the server does not support scripts: use Redis or Valkey with EVAL and EVALSHA"
	case strings.Contains(text, "The user executing the script can't"), // Redis 7, instead of NOPERM
		strings.Contains(text, "ACL failure in script"): // Valkey
		text = "NOPERM"
	}
	for word := range strings.FieldsSeq(text) {
		word = strings.Trim(word, "-:")
		for _, r := range remedies() {
			if r.word == word {
				return r.word, r.remedy
			}
		}
	}
	return "", ""
}
