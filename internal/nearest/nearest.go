// Package nearest finds the known word that a misspelled word was meant to be.
package nearest

import "strings"

// Word returns the known word of which typed is a misspelling. At most two
// letters may differ, or one in short words, or typed is a prefix of only that
// word. Otherwise Word returns "". A secret in the wrong place is never close
// to a known word.
func Word(typed string, known []string) string {
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

// Sender is [Word] for the name of a sender. It also knows the former names and
// nicknames of senders, and finds a name with something after it, such as
// "github-app".
func Sender(typed string, known []string) string {
	typed = strings.ToLower(typed)
	if name, ok := alsoCalled()[typed]; ok {
		return name
	}
	near := Word(typed, known)
	if near == "" || distance(typed, near) > 1 {
		for other, name := range alsoCalled() {
			if distance(typed, other) == 1 {
				return name
			}
		}
	}
	if near != "" || len(typed) > 40 {
		return near
	}
	longest := ""
	for _, name := range known {
		rest, ok := strings.CutPrefix(typed, name)
		if ok && len(name) > max(len(longest), 1) && rest != "" && strings.ContainsAny(rest[:1], "-_. /") {
			longest = name
		}
	}
	return longest
}

// OtherNames returns the other names of the sender with this name.
func OtherNames(name string) []string {
	var others []string
	for other, of := range alsoCalled() {
		if of == name {
			others = append(others, other)
		}
	}
	return others
}

func alsoCalled() map[string]string {
	return map[string]string{
		"amazon-sns": "sns", "aws-sns": "sns", "bird": "messagebird", "claude": "anthropic", "event-grid": "eventgrid", "facebook": "meta",
		"feishu": "lark", "forgejo": "gitea", "getstream": "stream", "google-pubsub": "pubsub", "graphcms": "hygraph", "hashicorp": "terraform",
		"instagram": "meta", "intuit": "quickbooks", "maxio": "chargify", "messenger": "meta", "microsoft-graph": "graph", "microsoft-teams": "teams",
		"nexmo": "vonage", "standard-webhooks": "standard", "standardwebhooks": "standard", "twitter": "x", "upstash": "qstash",
	}
}
