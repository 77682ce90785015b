package sqlstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookonce/hookonce/stores/sqlstore"
)

var errDown = errors.New("the database is down")

// down is a driver whose database cannot be reached.
type down struct{}

func (down) Connect(context.Context) (driver.Conn, error) { return nil, errDown }
func (d down) Driver() driver.Driver                      { return d }
func (down) Open(string) (driver.Conn, error)             { return nil, errDown }

// TestPurgesWithoutAnIntervalAreASecondApart: an interval that a configuration
// lacks must not keep the database busy.
func TestPurgesWithoutAnIntervalAreASecondApart(t *testing.T) {
	t.Parallel()
	for _, interval := range []time.Duration{-time.Hour, 0, time.Nanosecond, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			db := sql.OpenDB(down{})
			defer db.Close()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			began, purges := time.Now(), 0
			sqlstore.New("orders", db, sqlstore.SQLite).PurgeEvery(ctx, interval, func(_ int64, err error) {
				if !errors.Is(err, errDown) {
					t.Errorf("%v: error %v", interval, err)
				}
				if purges++; purges == 10 {
					cancel()
				}
			})
			if took := time.Since(began); took != 9*time.Second {
				t.Errorf("%v: %d purges took %v", interval, purges, took)
			}
		})
	}
}
