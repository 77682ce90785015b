package engines

import (
	"context"
	"errors"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/hookonce/hookonce/stores/casstore"
)

func etcdEngine(client *clientv3.Client) casstore.Engine[int64] {
	return casstore.Engine[int64]{
		Get: func(ctx context.Context, key string) ([]byte, int64, error) {
			found, err := client.Get(ctx, key)
			if err != nil || len(found.Kvs) == 0 {
				return nil, 0, err
			}
			return found.Kvs[0].Value, found.Kvs[0].ModRevision, nil
		},
		Put: func(ctx context.Context, key string, value []byte, revision int64, life time.Duration) (bool, error) {
			end := time.Now().Add(life).Unix()/10*10 + 20 // keys that expire within the same ten seconds share a lease; its id is the expiry time
			put := clientv3.OpPut(key, string(value), clientv3.WithLease(clientv3.LeaseID(end)))
			write := func() (*clientv3.TxnResponse, error) {
				return client.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(key), "=", revision)).Then(put).Commit()
			}
			done, err := write()
			if errors.Is(err, rpctypes.ErrLeaseNotFound) { // ignore the error: another process may have created the lease, and the second write fails if not
				_, _ = pb.NewLeaseClient(client.ActiveConnection()).LeaseGrant(ctx, &pb.LeaseGrantRequest{ID: end, TTL: end - time.Now().Unix()})
				done, err = write()
			}
			return err == nil && done.Succeeded, err
		},
		Full: func(err error) bool { return errors.Is(err, rpctypes.ErrNoSpace) },
	}
}
