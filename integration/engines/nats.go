package engines

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/hookonce/hookonce/stores/casstore"
)

func natsEngine(ctx context.Context, js jetstream.JetStream) (casstore.Engine[uint64], error) {
	stream, err := js.CreateStream(ctx, jetstream.StreamConfig{ // an error if it exists with other settings
		Name: "HOOKONCE", Subjects: []string{"hookonce.>"}, Replicas: 1, // 3 in a cluster
		MaxMsgsPerSubject: 1, Discard: jetstream.DiscardNew, AllowMsgTTL: true, MaxBytes: 1 << 30,
	})
	return casstore.Engine[uint64]{
		Get: func(ctx context.Context, key string) ([]byte, uint64, error) {
			msg, err := stream.GetLastMsgForSubject(ctx, "hookonce."+key)
			if errors.Is(err, jetstream.ErrMsgNotFound) {
				return nil, 0, nil
			} else if err != nil {
				return nil, 0, err
			}
			return msg.Data, msg.Sequence, nil
		},
		Put: func(ctx context.Context, key string, value []byte, revision uint64, life time.Duration) (bool, error) {
			_, err := js.Publish(ctx, "hookonce."+key, value, jetstream.WithExpectLastSequencePerSubject(revision), jetstream.WithMsgTTL(life))
			if errors.Is(err, &jetstream.APIError{ErrorCode: 10071}) || errors.Is(err, &jetstream.APIError{ErrorCode: 10164}) {
				return false, nil // the subject has another last sequence
			}
			return err == nil, err
		},
		Full: func(err error) bool { return errors.Is(err, &jetstream.APIError{ErrorCode: 10077}) },
	}, err
}
