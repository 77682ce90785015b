package schemes_test

import (
	"bytes"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hookonce/hookonce/internal/testmode"
)

// built compiles a program that verifies with one scheme, and returns its size and the names of
// what is linked.
func built(t *testing.T, scheme string) (size int64, symbols string) {
	t.Helper()
	dir, err := os.MkdirTemp(".", ".size-") //nolint:usetesting // inside the module, whose packages it imports; hidden from tests that walk it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	source := "package main\n\nimport (\n\t\"context\"\n\t\"net/http\"\n\t\"os\"\n\n\t\"github.com/hookonce/hookonce/core\"\n\t\"github.com/hookonce/hookonce/schemes\"\n" +
		"\t\"github.com/hookonce/hookonce/stores/memstore\"\n)\n\nvar _ = schemes.Stripe\n\nfunc main() {\n" +
		"\tv, err := core.New(core.Secrets(os.Args[1]), memstore.New(), &core.Config{Scheme: " + scheme + "})\n\tif err != nil {\n\t\tpanic(err)\n\t}\n" +
		"\tm, err := v.Verify(context.Background(), &core.Request{Method: \"POST\", URL: \"/\", Header: http.Header{}})\n\tprintln(m.ID, err)\n}\n"
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "program")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./"+dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	info, err := os.Stat(program)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "go", "tool", "nm", program)
	if cmd.Stdout = &out; cmd.Run() != nil {
		t.Fatal("go tool nm cannot read the program")
	}
	return info.Size(), out.String()
}

// TestAProgramWithOneSchemeLinksNoOther builds programs and looks at what is in them.
func TestAProgramWithOneSchemeLinksNoOther(t *testing.T) {
	t.Parallel()
	if testmode.Brief() {
		t.Skip("it compiles programs: run `make long`")
	}
	const own = "github.com/hookonce/hookonce/"
	absent := []string{ // one of each kind, the registry, and what reads public keys
		own + "schemes.New", own + "schemes.withSettings", own + "schemes.GitHub", own + "schemes.(*bodyJWT).ReadHeader", own + "schemes.parseJWT",
		own + "schemes.(*keySet).ReadHeader", own + "schemes.(*httpSignatures).ReadHeader", own + "schemes.(*sns).ReadHeader", own + "schemes.(*certificates).verify",
		own + "schemes.parsePublic", own + "schemes.(*digestKey).Verify", "crypto/x509.(*Certificate).Verify", "crypto/x509.ParsePKIXPublicKey",
		"crypto/x509.parseCertificate", "crypto/ecdsa.VerifyASN1", "crypto/rsa.VerifyPKCS1v15",
	}
	smallest, none := built(t, "core.StandardWebhooks{}")
	registry, all := built(t, `func() core.Scheme { s, _ := schemes.New(os.Args[2], schemes.Settings{}); return s }()`)
	if strings.Contains(all, own+"internal/senders") {
		t.Error("the registry links what docs/providers.md is made of")
	}
	for _, name := range absent {
		if !strings.Contains(all, name) {
			t.Errorf("a program with the registry does not link %s: is it called otherwise?", name)
		}
	}
	t.Logf("core alone: %d bytes; with the registry: %d more", smallest, registry-smallest)
	inCore := make(map[string]bool)
	for name := range names(none) {
		inCore[name] = true
	}
	for what, scheme := range map[string]string{
		"Stripe": "schemes.Stripe()",
		"a template of one's own": `func() core.Scheme { s, _ := schemes.Template{Name: "acme", Signature: schemes.Header("X-Signature"), ` +
			`Algorithm: schemes.HMACSHA512, Content: "{body}"}.Scheme(); return s }()`,
	} {
		size, symbols := built(t, scheme)
		t.Logf("with %s: %d more", what, size-smallest)
		for name := range names(symbols) {
			switch {
			case inCore[name]: // net/http has some of crypto/x509
			case strings.HasPrefix(name, "crypto/x509."), slices.ContainsFunc(absent, func(not string) bool { return strings.HasPrefix(name, not) }):
				t.Errorf("a program with %s links %s", what, name)
			}
		}
		if size-smallest > (registry-smallest)/3 {
			t.Errorf("%s adds %d bytes to a program, the whole registry %d", what, size-smallest, registry-smallest)
		}
	}
}

// names are the symbols that the linker put into a program.
func names(symbols string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for line := range strings.Lines(symbols) {
			fields := strings.Fields(line)
			if len(fields) > 0 && !yield(fields[len(fields)-1]) {
				return
			}
		}
	}
}
