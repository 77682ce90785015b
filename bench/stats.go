package main

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// series is what was measured of one thing, one value for each repetition, in
// the order of the repetitions.
type series []float64

func (s series) quantile(q float64) float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

func (s series) median() float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	return (sorted[len(s)/2] + sorted[(len(s)-1)/2]) / 2
}

// spread is half the distance between the quartiles, in percent of the median.
func (s series) spread() float64 {
	m := s.median()
	if len(s) < 2 || m == 0 {
		return 0
	}
	return 50 * (s.quantile(0.75) - s.quantile(0.25)) / m
}

// around writes the spread, which one repetition has not.
func (s series) around() string {
	if len(s) < 2 {
		return ""
	}
	return fmt.Sprintf(" ± %.0f %%", s.spread())
}

// interval is where the median of more repetitions would lie in nineteen cases
// of twenty or more, were the repetitions independent: between the values of
// the ranks that the binomial distribution gives. Of fewer than six it is all
// of them, and of one there is none.
func (s series) interval() string {
	if len(s) < 2 {
		return ""
	}
	n, low, tail := float64(len(s)), 0, 0.0
	p := math.Pow(0.5, n) // that just k of n lie below the median
	for k := 0; ; k++ {
		if tail += p; 2*tail > 0.05 {
			break
		}
		low = k
		p *= (n - float64(k)) / float64(k+1)
	}
	sorted := slices.Sorted(slices.Values(s))
	return short(sorted[low]) + " to " + short(sorted[len(s)-1-low])
}

// slope is what one more of x adds to y: the line with the least squares.
func slope(x, y []float64) float64 {
	var n, sx, sy, sxx, sxy float64
	for i := range x {
		n, sx, sy, sxx, sxy = n+1, sx+x[i], sy+y[i], sxx+x[i]*x[i], sxy+x[i]*y[i]
	}
	return (n*sxy - sx*sy) / (n*sxx - sx*sx)
}

// over divides repetition by repetition: what disturbed one repetition
// disturbed both. One that has fewer repetitions is divided as a whole.
func (s series) over(o series) series {
	switch {
	case len(s) == 0 || len(o) == 0:
		return nil
	case len(s) != len(o):
		s, o = series{s.median()}, series{o.median()}
	}
	r := make(series, 0, len(s))
	for i := range s {
		if o[i] != 0 {
			r = append(r, s[i]/o[i])
		}
	}
	return r
}

// percentile is of sorted values.
func percentile(sorted []time.Duration, p float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(p/100*float64(len(sorted))))]
}

// size writes a number of bytes as people do.
func size(n int) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	default:
		return fmt.Sprintf("%d B", n)
	}
}

// nanoseconds writes a time in a unit that people can read.
func nanoseconds(ns float64) string {
	switch {
	case ns >= 1e6:
		return short(ns/1e6) + " ms"
	case ns >= 1e4:
		return short(ns/1e3) + " µs"
	default:
		return fmt.Sprintf("%.0f ns", ns)
	}
}

// amount writes so many bytes, a mean.
func amount(bytes float64) string {
	switch {
	case bytes >= 1<<20:
		return short(bytes/(1<<20)) + " MiB"
	case bytes >= 10<<10:
		return short(bytes/(1<<10)) + " KiB"
	default:
		return fmt.Sprintf("%.0f B", bytes)
	}
}

// short writes a figure with three significant digits.
func short(f float64) string {
	switch {
	case f >= 100, f == 0:
		return fmt.Sprintf("%.0f", f)
	case f >= 10:
		return fmt.Sprintf("%.1f", f)
	default:
		return fmt.Sprintf("%.2f", f)
	}
}
