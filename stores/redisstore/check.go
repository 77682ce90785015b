package redisstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
)

// ErrNotSeen is wrapped by the error of [Store.Check] if Check found no fault,
// but the server hides a setting. Managed services do that. Check that setting
// by hand.
var ErrNotSeen = errors.New("cannot be read")

// Check checks that the server responds, lets this user claim, is not a
// read-only replica, evicts nothing, and keeps its data across a restart. It
// returns the faults that it finds, each with its fix, or nil. See [ErrNotSeen]
// for settings that the server hides. Call Check when the program starts, with
// a ctx that has a deadline. In a cluster it checks one node.
//
// Check also writes the markers for [Store.KnownSince], if there are none.
// Without Check, the first claim writes them.
//
// Check cannot test a failover, or what a proxy does.
func (s *Store) Check(ctx context.Context) error {
	if s.do == nil {
		return errors.New("redisstore: the store has no client: create the store with redisstore.New(namespace, rdb.Do)")
	}
	if err := checkNamespace(s.namespace); err != nil {
		return err
	}
	var wrong, unseen []error
	// Swap from a record that never existed, to test reading. Claim a key that no message has, for
	// a millisecond, to test writing.
	b := &s.buckets[0]
	for _, old := range []string{"never", ""} {
		if _, err := s.swap(ctx, &swap{bucket: b, key: b.prefix + "check", old: old, next: "check", life: "1"}); err != nil {
			wrong = append(wrong, explain(err))
			break
		}
	}
	info, err := s.info(ctx)
	switch {
	case err != nil && len(wrong) > 0:
		return errors.Join(wrong...)
	case err != nil && isDenied(err):
		return fmt.Errorf("redisstore: INFO %w: check by hand that maxmemory-policy is noeviction and appendonly is yes: %w", ErrNotSeen, explain(err))
	case err != nil:
		return withoutInfo(err)
	}
	if role := info["role"]; role != "" && role != "master" {
		wrong = append(wrong, fmt.Errorf("redisstore: the server's role is %s: connect to the primary, through Sentinel or a cluster client if the "+
			"primary can change", role))
	}
	if info["maxmemory_policy"] == "" {
		unseen = append(unseen, fmt.Errorf("redisstore: maxmemory-policy %w: check by hand that it is noeviction", ErrNotSeen))
	}
	if bad, err := s.judge(ctx, info); (bad != nil || err != nil) && len(wrong) == 0 { // otherwise the claim has reported it
		wrong = append(wrong, cmp.Or(bad, err))
	}
	switch info["aof_enabled"] {
	case "1":
	case "":
		unseen = append(unseen, fmt.Errorf("redisstore: appendonly %w: check by hand that it is yes", ErrNotSeen))
	default:
		wrong = append(wrong, fmt.Errorf("redisstore: appendonly is no, and the server %s, so their messages can be replayed: run CONFIG SET appendonly "+
			"yes, and add the setting to the server's configuration", s.saves(ctx)))
	}
	if len(wrong) > 0 {
		return errors.Join(wrong...)
	}
	return errors.Join(unseen...)
}

// saves describes the records that a server without an append-only file loses
// in a restart.
func (s *Store) saves(ctx context.Context) string {
	switch save, err := s.config(ctx, "save"); {
	case err != nil:
		return "does not show whether it saves snapshots. A restart loses the records since the last one, or all"
	case save == "":
		return "saves nothing. A restart loses all records"
	}
	return "saves only snapshots. A restart loses the records since the last one"
}

// config reads one setting of the server. The reply is a list, or a map in
// newer protocols.
func (s *Store) config(ctx context.Context, name string) (string, error) {
	reply, err := s.send(ctx, "CONFIG", "GET", name)
	if err != nil {
		return "", err
	}
	switch r := reply.(type) {
	case []any:
		if len(r) == 2 {
			text, _ := asText(r[1])
			return text, nil
		}
	case map[any]any:
		text, _ := asText(r[name])
		return text, nil
	case map[string]any:
		text, _ := asText(r[name])
		return text, nil
	}
	return "", fmt.Errorf("the reply to CONFIG GET has the unexpected type %T", reply)
}
