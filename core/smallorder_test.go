package core_test

import (
	"crypto/ed25519"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"testing"

	"github.com/hookonce/hookonce/core"
)

// TestAKeyOfSmallOrderIsRefused uses points under which one signature, made
// without a private key, verifies for many messages. The test first shows that
// it does.
func TestAKeyOfSmallOrderIsRefused(t *testing.T) {
	t.Parallel()
	for _, point := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000080",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000080",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	} {
		public, err := hex.DecodeString(point)
		if err != nil {
			t.Fatal(err)
		}
		forgery := slices.Concat([]byte{1}, make([]byte, 63)) // R is the neutral point, S is zero
		fits := 0
		for i := range uint64(256) {
			if ed25519.Verify(public, binary.BigEndian.AppendUint64(nil, i), forgery) {
				fits++
			}
		}
		if fits == 0 {
			t.Errorf("%s is no point of small order: the test is wrong", point)
		}
		if _, err := core.Ed25519Key("v1a", public, core.Base64); err == nil {
			t.Errorf("%s is accepted, and one signature fits %d of 256 messages", point, fits)
		}
	}
	_, public := core.GenerateKeyPair()
	if _, err := (core.StandardWebhooks{}).ParseKey(public); err != nil {
		t.Errorf("a genuine key is refused: %v", err)
	}
}
