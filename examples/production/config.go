package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
)

type config struct {
	addr                string
	database            *pgxpool.Config
	redis               *redis.Options
	keysFreshFor, drain time.Duration
}

// readConfig reports every mistake in the environment at once. The parsers' own
// errors are not repeated: they quote the URL, which may contain a password.
func readConfig() (config, error) {
	var mistakes []error
	cfg := config{addr: cmp.Or(os.Getenv("ADDR"), "127.0.0.1:8080")}

	var err error
	if url := os.Getenv("DATABASE_URL"); url == "" {
		mistakes = append(mistakes, errors.New("DATABASE_URL is not set: give it as postgres://user:password@host:5432/name"))
	} else if cfg.database, err = pgxpool.ParseConfig(url); err != nil {
		mistakes = append(mistakes, errors.New("DATABASE_URL is not a PostgreSQL URL like postgres://user:password@host:5432/name, with special characters escaped, / as %2F"))
	} else {
		cfg.database.ConnConfig.ConnectTimeout = 2 * time.Second
	}
	if url := os.Getenv("REDIS_URL"); url == "" {
		mistakes = append(mistakes, errors.New("REDIS_URL is not set: give it as redis://user:password@host:6379/0"))
	} else if cfg.redis, err = redis.ParseURL(url); err != nil {
		mistakes = append(mistakes, errors.New("REDIS_URL is not a Redis URL like redis://user:password@host:6379/0, with special characters escaped, / as %2F"))
	} else {
		cfg.redis.ContextTimeoutEnabled = true // so that Config.StoreTimeout ends a call
		cfg.redis.DialTimeout = time.Second
	}

	duration := func(name string, fallback, least time.Duration) time.Duration {
		text := os.Getenv(name)
		if text == "" {
			return fallback
		}
		d, err := time.ParseDuration(text)
		if err != nil || d < least {
			mistakes = append(mistakes, fmt.Errorf("%s is %q, but must be a duration of %v or more, such as %v", name, text, least, fallback))
		}
		return d
	}
	cfg.keysFreshFor = duration("KEYS_FRESH_FOR", 30*time.Second, time.Millisecond)
	cfg.drain = duration("DRAIN", 5*time.Second, 0)
	return cfg, errors.Join(mistakes...)
}
