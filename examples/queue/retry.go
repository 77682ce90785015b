package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
)

// retry lists the jobs that failed for good, or runs the jobs with these ids
// again at once, with one more attempt.
func retry(ctx context.Context, pool *pgxpool.Pool, ids []string) error {
	jobs, err := river.NewClient(riverpgxv5.New(pool), &river.Config{})
	if err != nil {
		return err
	}
	for _, text := range ids {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fmt.Errorf("retry %q: not the id of a job", text)
		}
		if _, err := jobs.JobRetry(ctx, id); err != nil {
			return fmt.Errorf("retry %d: %w", id, err)
		}
	}
	if len(ids) > 0 {
		return nil
	}
	failed := river.NewJobListParams().States(rivertype.JobStateDiscarded, rivertype.JobStateCancelled).First(100)
	found, err := jobs.JobList(ctx, failed)
	if err != nil {
		return err
	}
	for _, job := range found.Jobs {
		last := "no error"
		if n := len(job.Errors); n > 0 {
			last = job.Errors[n-1].Error
		}
		fmt.Printf("%d after %d attempts: %s\n", job.ID, job.Attempt, last)
	}
	return nil
}
