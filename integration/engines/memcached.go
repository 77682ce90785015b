package engines

import (
	"context"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/hookonce/hookonce/stores/casstore"
)

func memcachedEngine(client *memcache.Client) casstore.Engine[uint64] {
	return casstore.Engine[uint64]{
		Get: func(_ context.Context, key string) (value []byte, revision uint64, err error) {
			item, err := client.Get(key)
			if err == nil {
				return item.Value, item.CasID, nil
			} else if errors.Is(err, memcache.ErrCacheMiss) {
				err = nil
			}
			return nil, 0, err
		},
		Put: func(_ context.Context, key string, value []byte, revision uint64, life time.Duration) (written bool, err error) {
			item := &memcache.Item{Key: key, Value: value, Expiration: int32(life.Seconds()), CasID: revision}
			if life > 30*24*time.Hour { // memcached interprets longer lifetimes as a Unix time
				item.Expiration = int32(min(time.Now().Add(life).Unix(), math.MaxInt32))
			}
			write := map[bool]func(*memcache.Item) error{true: client.Add, false: client.CompareAndSwap}[revision == 0]
			if err = write(item); errors.Is(err, memcache.ErrNotStored) || errors.Is(err, memcache.ErrCASConflict) || errors.Is(err, memcache.ErrCacheMiss) {
				return false, nil
			}
			return err == nil, err
		},
		Full: func(err error) bool { return strings.Contains(err.Error(), "SERVER_ERROR out of memory") },
	}
}
