package schemes

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/hookonce/hookonce/core"
)

func TestASchemeAtAnotherAddressIsOtherwiseTheSame(t *testing.T) {
	t.Parallel()
	const first, second = "https://example.com/hook", "https://example.org/a%3Ab"
	at := func(url string) Settings {
		return Settings{
			URL: url, VerifyToken: "token", Audience: "https://example.com", Header: "X-Event-Id", Handshake: AnswerHandshakes, DangerouslyReplayable: true,
		}
	}
	type moved struct {
		name string
		make func(url string) core.Scheme
	}
	tests := []moved{
		{"cloudevents", func(url string) core.Scheme { return CloudEvents(Square(url), "a.example") }},
		{"jwt", func(url string) core.Scheme {
			return JWT{Name: "jwt", Token: Header("X-Token"), BodyHash: "body", URLHash: "url", URL: url}.orUnusable()
		}},
		{"keyset", func(url string) core.Scheme {
			return KeySet(HTTPSignatures(SignatureProfile{URL: url}), KeySetOptions{Hosts: []string{"keys.example.com"}})
		}},
	}
	for _, name := range Names() {
		tests = append(tests, moved{name, func(url string) core.Scheme {
			s, err := New(name, at(url))
			if err != nil {
				t.Fatal(err)
			}
			return s
		}})
	}
	found := 0
	for _, tt := range tests {
		s := tt.make(first)
		f := core.FactsOf(s)
		if f.At == nil {
			continue
		}
		found++
		sameScheme(t, tt.name, f.At(second), tt.make(second))
		sameScheme(t, tt.name+" at its own address", f.At(f.URL), s)
	}
	if found < 12 {
		t.Errorf("only %d schemes sign their address", found)
	}
}

// sameScheme checks that two schemes have the same types and facts, as far as functions compare.
func sameScheme(t *testing.T, name string, got, want core.Scheme) {
	t.Helper()
	if reflect.TypeOf(got) != reflect.TypeOf(want) {
		t.Errorf("%s is a %T, want %T", name, got, want)
	}
	facts, others := reflect.ValueOf(core.FactsOf(got)), reflect.ValueOf(core.FactsOf(want))
	for i := range facts.NumField() {
		what, a, b := facts.Type().Field(i).Name, facts.Field(i), others.Field(i)
		if a.Kind() == reflect.Func {
			if a.IsNil() != b.IsNil() {
				t.Errorf("%s has no %s: %t, want %t", name, what, a.IsNil(), b.IsNil())
			}
		} else if !reflect.DeepEqual(a.Interface(), b.Interface()) {
			t.Errorf("%s has the %s %v, want %v", name, what, a, b)
		}
	}
}

// Without its own Facts, such a scheme would be signed with the methods of its template, not with
// its own. The same happens if facts gets the template.
func TestASchemeThatEmbedsATemplateHasItsOwnFacts(t *testing.T) {
	t.Parallel()
	embeds, has := map[string]bool{}, map[string]bool{}
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(gotoken.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.TypeSpec:
				if s, ok := n.Type.(*ast.StructType); ok && embedsTemplate(s) {
					embeds[n.Name.Name] = true
				}
			case *ast.FuncDecl:
				if n.Name.Name == "Facts" && n.Recv != nil && passesItself(n) {
					receiver, _ := n.Recv.List[0].Type.(*ast.Ident)
					if receiver != nil {
						has[receiver.Name] = true
					}
				}
			}
			return true
		})
	}
	delete(embeds, "signing") // it is no scheme
	for name := range embeds {
		if !has[name] {
			t.Errorf("%s embeds *templated, but has no method Facts that calls facts with the receiver", name)
		}
	}
	if len(embeds) < 20 {
		t.Errorf("only %d schemes embed a template: %v", len(embeds), embeds)
	}
}

func embedsTemplate(s *ast.StructType) bool {
	for _, field := range s.Fields.List {
		star, ok := field.Type.(*ast.StarExpr)
		if !ok || len(field.Names) > 0 {
			continue
		}
		if embedded, ok := star.X.(*ast.Ident); ok && embedded.Name == "templated" {
			return true
		}
	}
	return false
}

// passesItself reports whether a method s.Facts calls s.facts(s, …).
func passesItself(f *ast.FuncDecl) bool {
	if len(f.Recv.List[0].Names) == 0 {
		return false
	}
	receiver, found := f.Recv.List[0].Names[0].Name, false
	ast.Inspect(f.Body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) != 2 {
			return true
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		first, isName := call.Args[0].(*ast.Ident)
		found = found || ok && isName && method.Sel.Name == "facts" && first.Name == receiver
		return true
	})
	return found
}
