//go:build unix

package explain_test

import (
	"syscall"
	"time"
)

// cpu is what this process has used, of both kinds: a busy machine does not change
// it much, as it does the time that passes.
func cpu() time.Duration {
	var used syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &used) != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
