package faults_test

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/hookonce/hookonce/integration/faults/endpoint"
)

// counts is what came of all messages.
type counts struct {
	messages int
	// acknowledged messages are those whose sender was answered 2xx.
	acknowledged int
	// lost messages had no effect, or were never acknowledged.
	lost int
	// again is effects after a success of the same message was on record: must be zero.
	again int
	// twice is effects that a message had had before, where the outcome of the one before was not
	// on record, by what was in the way: the process died, or it could not reach the store and died
	// before its lease was over.
	twiceKilled, twiceCutOff, twiceUnexplained int
	// admitted replays are attempts that the attacker presented after the message was acknowledged,
	// and that ran.
	admitted int
	// kills is how often a process died inside a handler, restarts how often one was killed from
	// outside.
	kills, restarts int
	// grouped is how many swaps went to the store in groups.
	groups, grouped int
}

func (c counts) String() string {
	return fmt.Sprintf("messages %d, acknowledged %d, lost %d, replays admitted %d, run again after a recorded success %d, "+
		"effects twice: %d killed between effect and commit, %d killed while cut off from the store there, %d unexplained; processes killed: %d in a handler, %d from outside",
		c.messages, c.acknowledged, c.lost, c.admitted, c.again, c.twiceKilled, c.twiceCutOff, c.twiceUnexplained, c.kills, c.restarts)
}

// judge reads the ledger in the order in which things happened. died has the processes that were
// killed, by themselves or from outside. effects, if not nil, has the number of effects by message
// from a database: they stand there in place of the ledger's.
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
		if line[0] == endpoint.WordGroup {
			n, _ := strconv.Atoi(line[2])
			c.groups, c.grouped = c.groups+1, c.grouped+n
			continue
		}
		written = append(written, line)
		h := all[line[1]]
		if h == nil {
			h = &history{unrecorded: make(map[string]bool)}
			all[line[1]] = h
		}
		switch line[0] {
		case endpoint.WordKilled:
			c.kills++
		case endpoint.WordUnrecorded:
			h.unrecorded[line[2]] = true
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	for _, line := range written {
		word, h, generation, process := line[0], all[line[1]], line[2], line[3]
		switch word {
		case endpoint.WordRecorded:
			h.recorded = true
		case endpoint.WordEffect:
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
