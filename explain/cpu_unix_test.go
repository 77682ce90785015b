//go:build unix

package explain_test

import (
	"syscall"
	"time"
)

// cpu is the processor time that this process has used, user and system. Unlike elapsed time, it
// hardly changes on a busy machine.
func cpu() time.Duration {
	var used syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &used) != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
