package owners_test

import (
	"testing"

	"github.com/hookonce/hookonce/internal/owners"
)

func TestASecondVerifierOfOneNameIsReported(t *testing.T) {
	t.Parallel()
	s := owners.New("somestore", "do something")
	for _, name := range []string{"standard", "standard eu"} {
		if err := s.Add(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	const want = "somestore: this store already serves another verifier (standard eu). If two verifiers share records, the second refuses a message that the first handled, or acknowledges " +
		"the message without handling it: do something"
	if err := s.Add("standard eu"); err == nil || err.Error() != want {
		t.Errorf("error %v", err)
	}
}
