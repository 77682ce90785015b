package services_test

import (
	"context"
	"database/sql"
	"net"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/hookonce/hookonce/integration/services"
)

func TestRedisKeepsItsDataOverAKill(t *testing.T) {
	t.Parallel()
	s := services.StartRedis(t)
	client := redis.NewClient(&redis.Options{Addr: s.Addr})
	t.Cleanup(func() { client.Close() })
	if err := client.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	s.Kill()
	if conn, err := net.Dial("tcp", s.Addr); err == nil {
		conn.Close()
		t.Error("it still listens after Kill")
	}
	s.Start()
	if got, err := client.Get(t.Context(), "k").Result(); err != nil || got != "v" {
		t.Errorf("after the restart: %q, %v", got, err)
	}
}

func TestSQLServersKeepTheirDataOverAKill(t *testing.T) {
	t.Parallel()
	check := func(t *testing.T, driver, dsn string, s *services.Server) {
		t.Helper()
		db, err := sql.Open(driver, dsn)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		for _, statement := range []string{"CREATE TABLE t (n INT)", "INSERT INTO t VALUES (7)"} {
			if _, err := db.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		s.Kill()
		if err := db.PingContext(context.Background()); err == nil {
			t.Error("it still answers after Kill")
		}
		s.Start()
		var n int
		if err := db.QueryRowContext(t.Context(), "SELECT n FROM t").Scan(&n); err != nil || n != 7 {
			t.Errorf("after the restart: %d, %v", n, err)
		}
	}
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		s := services.StartPostgres(t)
		check(t, "pgx", s.DSN(), &s.Server)
	})
	t.Run("MariaDB", func(t *testing.T) {
		t.Parallel()
		s := services.StartMariaDB(t)
		check(t, "mysql", s.DSN(), &s.Server)
	})
	t.Run("MySQL", func(t *testing.T) {
		t.Parallel()
		s := services.StartMySQL(t)
		check(t, "mysql", s.DSN(), &s.Server)
		db, err := sql.Open("mysql", s.DSN())
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		var version, comment string
		if err := db.QueryRowContext(t.Context(), "SELECT version(), @@version_comment").Scan(&version, &comment); err != nil {
			t.Fatal(err)
		}
		if t.Log(version, comment); strings.Contains(version+comment, "MariaDB") {
			t.Errorf("it is %s %s", version, comment)
		}
	})
}
