package main

import "strings"

// noSuch returns the error for an unknown value of the flag or argument what.
// The error names the value that was probably meant, but never the input, which
// may be a secret.
func noSuch(what, typed string, known []string) error {
	return usageError(what + ": " + didYouMean(typed, known) + "choose from " + strings.Join(known, ", "))
}

// didYouMean suggests the known word that was probably meant, if there is one.
func didYouMean(typed string, known []string) string {
	if near := nearest(typed, known); near != "" {
		return "did you mean " + near + "? "
	}
	return ""
}

// nearest returns the known word of which typed is a misspelling. At most two
// letters may differ, or one in short words, or typed is a prefix of only that
// word. Otherwise nearest returns "". A secret in the wrong place is never
// close to a known word.
func nearest(typed string, known []string) string {
	typed = strings.ToLower(typed)
	if len(typed) < 2 || len(typed) > 40 {
		return ""
	}
	best, least, starts := "", 3, 0
	for _, word := range known {
		if d := distance(typed, word); d < least && d*3 <= max(len(word), 3) {
			best, least = word, d
		}
	}
	if best != "" || len(typed) < 3 {
		return best
	}
	for _, word := range known {
		if strings.HasPrefix(word, typed) {
			best = word
			starts++
		}
	}
	if starts != 1 {
		return ""
	}
	return best
}

// distance returns the number of letters to change, insert, remove, or swap
// with the next.
func distance(a, b string) int {
	if abs := len(a) - len(b); abs > 2 || abs < -2 {
		return 3
	}
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	var earlier []int
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		earlier, before, row = before, row, append([]int{i}, make([]int, len(b))...)
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(before[j]+1, row[j-1]+1, before[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], earlier[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
