package adapter_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/hookonce/hookonce/adapter"
	"github.com/hookonce/hookonce/core"
	"github.com/hookonce/hookonce/stores/memstore"
	"github.com/hookonce/hookonce/whtest"
)

func TestFinishOfARefusedExchangeChangesNothing(t *testing.T) {
	t.Parallel()
	v := core.Must(core.New(core.Secrets(core.GenerateSecret()), memstore.New(), nil))
	w := httptest.NewRecorder()
	x := adapter.Begin(v, w, httptest.NewRequest(http.MethodPost, "/hook", nil))
	x.Refuse(w, nil)
	if got := x.Finish(core.Failed); got != core.Failed || w.Code != http.StatusBadRequest {
		t.Errorf("returned %d, the sender got %d", got, w.Code)
	}
}

func TestALaterFinishReturnsTheRecordedStatus(t *testing.T) {
	t.Parallel()
	secret := core.GenerateSecret()
	v := core.Must(core.New(core.Secrets(secret), memstore.New(), nil))
	signer, err := core.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	x := adapter.Begin(v, httptest.NewRecorder(), whtest.NewRequest(t, signer, "/hook", "{}"))
	if x.Answer() != nil {
		t.Fatal(x.Err())
	}
	if first, second := x.Finish(0), x.Finish(core.Failed); first != http.StatusOK || second != http.StatusOK {
		t.Errorf("got %d, then %d, want 200 both times", first, second)
	}
}
