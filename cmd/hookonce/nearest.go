package main

import (
	"strings"

	"github.com/hookonce/hookonce/internal/nearest"
	"github.com/hookonce/hookonce/schemes"
)

// noSuch returns the error for an unknown value of the flag or argument what.
// The error names the value that was probably meant, but never the input, which
// may be a secret.
func noSuch(what, typed string, known []string) error {
	return usageError(what + ": " + didYouMean(typed, known) + "choose from " + strings.Join(known, ", "))
}

// didYouMean suggests the known word that was probably meant, if there is one.
func didYouMean(typed string, known []string) string {
	return suggestion(nearest.Word(typed, known))
}

// didYouMeanScheme is didYouMean for the name of a scheme.
func didYouMeanScheme(typed string) string {
	return suggestion(nearest.Sender(typed, schemes.Names()))
}

func suggestion(near string) string {
	if near == "" {
		return ""
	}
	return "did you mean " + near + "? "
}
