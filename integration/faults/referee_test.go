package faults_test

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"
)

// Words in the ledger that the servers write, each with message, generation and process.
const (
	wordEffect     = "effect"     // the handler did what the message asks for
	wordKilled     = "killed"     // the process dies in the handler
	wordRecorded   = "recorded"   // the store has it that the message was handled
	wordUnrecorded = "unrecorded" // the handler succeeded, and the store could not be told, or not in time
)

// counts are the outcomes of all messages.
type counts struct {
	messages int
	// acknowledged messages are those for which the sender got 2xx.
	acknowledged int
	// lost messages had no effect, or were never acknowledged.
	lost int
	// again counts effects after a success of the same message was recorded. It must be zero.
	again int
	// twice counts repeated effects whose previous outcome was not recorded, by the cause: the
	// process was killed, it could not reach the store and died before its lease ended, or neither.
	twiceKilled, twiceCutOff, twiceUnexplained int
	// admitted counts replays that ran after the message was acknowledged.
	admitted int
	// kills counts processes that died inside a handler, restarts those that were killed from
	// outside.
	kills, restarts int
}

func (c counts) String() string {
	return fmt.Sprintf("messages %d, acknowledged %d, lost %d, replays admitted %d, run again after a recorded success %d, "+
		"effects twice: %d killed between effect and commit, %d killed while cut off from the store there, %d unexplained; processes killed: %d in a handler, %d from outside",
		c.messages, c.acknowledged, c.lost, c.admitted, c.again, c.twiceKilled, c.twiceCutOff, c.twiceUnexplained, c.kills, c.restarts)
}

// judge reads the ledger in the order of events. died contains the processes that were killed, by
// themselves or from outside. effects, if not nil, has the number of effects of each message from a
// database, and replaces those in the ledger.
func judge(t *testing.T, ledger string, sent, died map[string]bool, effects map[string]int) counts {
	t.Helper()
	file, err := os.Open(ledger)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	c := counts{messages: len(sent)}
	type history struct {
		effects    int
		recorded   bool            // a success, by now
		generation string          // of the last effect
		process    string          // of the last effect
		unrecorded map[string]bool // generations
	}
	all := make(map[string]*history)
	lines := bufio.NewScanner(file)
	var written [][]string
	for lines.Scan() {
		line := strings.Fields(lines.Text())
		if len(line) != 4 {
			t.Fatalf("a line of the ledger is %q", lines.Text())
		}
		written = append(written, line)
		h := all[line[1]]
		if h == nil {
			h = &history{unrecorded: make(map[string]bool)}
			all[line[1]] = h
		}
		switch line[0] {
		case wordKilled:
			c.kills++
		case wordUnrecorded:
			h.unrecorded[line[2]] = true
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	for _, line := range written {
		word, h, generation, process := line[0], all[line[1]], line[2], line[3]
		switch word {
		case wordRecorded:
			h.recorded = true
		case wordEffect:
			switch {
			case h.recorded:
				if c.again++; c.again <= 5 {
					t.Logf("%s ran again, as generation %s, after its success was on record", line[1], generation)
				}
			case h.effects == 0:
			case h.unrecorded[h.generation] && died[h.process]:
				c.twiceCutOff++
			case died[h.process]:
				c.twiceKilled++
			default:
				c.twiceUnexplained++
			}
			h.effects++
			h.generation, h.process = generation, process
		}
	}
	for id, acknowledged := range sent {
		n := 0
		if h := all[id]; h != nil {
			n = h.effects
		}
		if effects != nil {
			n = effects[id]
			c.twiceUnexplained += max(n-1, 0)
		}
		if acknowledged {
			c.acknowledged++
		}
		if n == 0 || !acknowledged {
			c.lost++
			t.Logf("%s: %d effects, acknowledged: %v", id, n, acknowledged)
		}
	}
	return c
}
