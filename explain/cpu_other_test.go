//go:build !unix

package explain_test

import "time"

func cpu() time.Duration { return 0 }
