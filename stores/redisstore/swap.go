package redisstore

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/internal/birth"
)

// Concurrent swaps are sent to the server in groups, as one script. In a
// cluster they are not, because their keys are on several nodes, or in several
// slots of one node.
const (
	width = 2 // groups at once
	most  = 128
)

// swap is a call of Swap.
type swap struct {
	bucket          *bucket
	key             string
	old, next, life string

	// The script's reply, as in swap.lua, or the constant other and a marker.
	// "" without an error means that the group failed.
	reply string
	err   error
}

// live returns the live value.
func (c *swap) live() string {
	switch c.reply[0] {
	case '+':
		return c.next
	case '=':
		return c.reply[1:]
	default:
		return ""
	}
}

// other is the prefix of a reply that contains a marker other than the known
// one.
const other = "since:"

// swap has the server make a swap, and repeats it until the store has the
// current marker of the bucket. It returns the live value.
func (s *Store) swap(ctx context.Context, c *swap) (live string, err error) {
	for range birth.Attempts {
		view := s.birth.View()
		if err := s.ask(ctx, c); err != nil {
			return "", err
		}
		if !strings.HasPrefix(c.reply, other) {
			if c.reply == "?" {
				return "", fmt.Errorf("a key of the namespace %q has a value that is not a record of this store: give the store a namespace that "+
					"nothing else writes to", s.namespace)
			}
			return c.live(), nil
		}
		found, ok := birth.Parse(c.reply[len(other):])
		if !ok {
			return "", fmt.Errorf("the marker's key of the namespace %q has a value that is not a marker of this store: give the store a namespace that nothing "+
				"else writes to", s.namespace)
		}
		if err := s.birth.Resolve(ctx, view, found, s.mark); err != nil {
			return "", err
		}
		s.birth.Look()
	}
	return "", fmt.Errorf("the marker keys of the namespace %q keep getting lost or changed: does something delete keys, or does a proxy spread the calls over several "+
		"separate servers?", s.namespace)
}

// ask has the server make one swap, and sets c.reply.
func (s *Store) ask(ctx context.Context, c *swap) error {
	c.reply, c.err = "", nil
	if s.watch.grouped.Load() {
		if err := s.line.Do(ctx, c); err != nil {
			return err
		}
		if c.reply != "" || c.err != nil {
			return c.err
		}
	}
	// Not in a group, or the group failed. One of its swaps may be at fault, and repeating the
	// others is harmless.
	return s.askAll(ctx, []*swap{c})
}

// askGroup sends a group. The error of a group says nothing about a single
// swap, so after an error each caller sends its own swap.
func (s *Store) askGroup(ctx context.Context, all []*swap) {
	err := s.askAll(ctx, all)
	switch {
	case err == nil:
	case len(all) == 1:
		all[0].err = err
	default:
		s.birth.Look() // before the swaps are sent again: the marker may not have been compared
		if strings.Contains(err.Error(), "CROSSSLOT") {
			s.watch.grouped.Store(false)
		}
	}
}

// askAll has the server make all swaps. If it returns an error, some of the
// swaps may have been made.
func (s *Store) askAll(ctx context.Context, all []*swap) error {
	claims := slices.IndexFunc(all, func(c *swap) bool { return c.old == "" })
	due := claims >= 0 && s.birth.Due(dueAfter)
	known := s.birth.Known()
	command := make([]any, 2, 5+4*len(all)) // the script, the count, the marker and its key
	if due {
		command = append(command, strconv.Itoa(len(all)+1))
	} else {
		command = append(command, strconv.Itoa(len(all)))
	}
	for _, c := range all {
		command = append(command, c.key)
	}
	if due {
		command = append(command, all[claims].bucket.marker)
	}
	command = append(command, known.TextArg)
	for _, c := range all {
		command = append(command, c.old, c.next, c.life)
	}
	reply, err := s.run(ctx, swapScript(), command)
	if err != nil {
		return err
	}
	text, _ := asText(reply)
	if strings.HasPrefix(text, other) {
		for _, c := range all {
			c.reply = text
		}
		return nil
	}
	for _, c := range all {
		n := min(1, len(text))
		if n > 0 && text[0] == '=' {
			n = min(1+len(c.next), len(text))
		}
		c.reply, text = text[:n], text[n:]
	}
	if last := all[len(all)-1]; last.reply == "" || last.reply[0] == '=' && len(last.reply) != 1+len(last.next) || text != "" {
		for _, c := range all {
			c.reply = ""
		}
		return fmt.Errorf("the reply to the script (%T) cannot be read: does something between the client and the server change replies?", reply)
	}
	return nil
}

// valueText returns a value as the server stores it, or "" for no value.
func valueText(v core.Value) string {
	if v == (core.Value{}) {
		return ""
	}
	return string(v[:])
}
