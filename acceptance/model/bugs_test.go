package model_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// bugs are mistakes that somebody could make in the engine: what stands exactly once in a file, and what stands there
// instead.
var bugs = []struct {
	file string
	bugs [][2]string
}{
	{"ledger/rules/check.go", [][2]string{
		{"scope == \"\" || resource == scope || strings.HasPrefix(resource, scope) && resource[len(scope)] == '/'", "strings.HasPrefix(resource, scope)"},
		{"func LevelFits(token bool, kind string) bool { return token == (kind == events.KindWallet) }", "func LevelFits(token bool, kind string) bool { return !token || kind == events.KindWallet }"},
		{"s.gives(g.what, n) && g.holds(at) && Covers(g.scope, resource) && (!g.tied", "s.gives(g.what, n) && Covers(g.scope, resource) && (!g.tied"},
		{"return h.ok && (h.until.IsZero() || !until.IsZero() && !until.After(h.until))", "return h.ok && (h.until.IsZero() || until.IsZero() || !until.After(h.until))"},
		{"if !h.lasts(until) {\n\t\t\treturn beyond", "if false {\n\t\t\treturn beyond"},
	}},
	{"ledger/rules/decide.go", [][2]string{
		{"k.purpose != signsWith(e.Data) || k.subject != e.Actor", "k.purpose != signsWith(e.Data)"},
		{"!known || k.revoked != 0", "!known"},
		{"if g.holds(e.Time) {\n\t\treturn refuse(Invalid, \"The grant holds", "if false {\n\t\treturn refuse(Invalid, \"The grant holds"},
	}},
	{"ledger/rules/decide_resource.go", [][2]string{
		{"if a.from == ulidZero { // whoever", "if false { // whoever"},
	}},
	{"ledger/rules/decide_role.go", [][2]string{
		{"g != nil && g.holds(e.Time) && s.alive(g, e.Time) {", "g != nil && s.alive(g, e.Time) {"},
		{"if g := &u.grants[i]; g.what.role() && g.scope == \"\" {", "if g := &u.grants[i]; g.what.role() {"},
		{"case known && p.retired:", "case false:"},
		{"case known && p.reserved:", "case false:"},
		{"return included, s.guard(e.Actor, included, \"\", forever, e.Time, nil)", "return included, nil"},
		{"if p.retired { // it is kept", "if false { // it is kept"},
		{"name != had && s.roleNames[name] > 0", "s.roleNames[name] > 0"},
		{"!ok || r.deleted != 0", "!ok"},
		{"!ok || at.Sub(p.at) > partLife", "!ok"},
	}},
	{"ledger/rules/decide_permission.go", [][2]string{
		{"!g.what.role() && g.scope == d.Scope && g.holds(e.Time)", "!g.what.role() && g.scope == d.Scope"},
		{"if r := s.admit(e, added, d.Scope, forever, nil); r != nil {", "if r := s.admit(e, after, d.Scope, forever, nil); r != nil {"},
		{"if r := s.admit(e, []string{d.Permission}, d.Scope, d.Until, c); r != nil {", "if r := s.admit(e, []string{d.Permission}, d.Scope, forever, c); r != nil {"},
	}},
	{"ledger/rules/decide_catalogue.go", [][2]string{
		{"before.token != (p.Level == events.LevelToken) && e.Actor != s.owner", "before.token != before.token"},
		{"if r := s.need(e.Actor, action, \"\", e.Time); r != nil {", "if false {\n\t\t\t\t\tvar r *Refusal"},
		{"!h.lasts(forever) {\n\t\t\t\t\treturn beyond", "false {\n\t\t\t\t\treturn beyond"},
	}},
	{"ledger/rules/decide_key.go", [][2]string{
		{"case k.subject == owner && s.credentials(owner) < 2:", "case false:"},
		{"if u.id == s.owner && e.Actor != u.id {", "if false {"},
		{"if k.subject == s.owner && e.Actor != k.subject {", "if false {"},
		{"names = s.roles[h.Role].set.names(s.perms)", "names = nil"},
		{"if e.Actor == of.id || e.Actor == s.owner {", "if true {"},
	}},
	{"ledger/rules/evolve.go", [][2]string{
		{"if add = union(add, d.Included); len(add)", "if len(add)"},
		{"} else if _, wanted := slices.BinarySearch(after, name); !wanted {", "} else {"},
		{"has != nil && has.same(&g.grant)", "has != nil"},
		{"drop(s.notes, s.roleKeys, r.key)", ""},
		{"if u.times(whatRole(r.number)) == 0 {\n\t\tkeep", "{\n\t\tkeep"},
	}},
	{"ledger/rules/permissions.go", [][2]string{
		{"was.retired = true", "was.retired = false"},
		{"return strings.HasPrefix(n, d.Catalogue+\":\")", "return false"},
	}},
	{"ledger/rules/due.go", [][2]string{
		{"x != nil && x.same(g)", "x != nil && false"},
	}},
	{"projections/access/take.go", [][2]string{
		{"r.deleted = at\n", ""},
		{"for _, id := range d.Removed {\n\t\t\tx.changeRole", "for _, id := range d.Added[:0] {\n\t\t\tx.changeRole"},
	}},
	{"projections/access/now.go", [][2]string{
		{"case h.token != (p&nowToken != 0):", "case h.token && p&nowToken == 0:"},
		{"return r.set.has(n) && instant < h.until,", "return r.set.has(n),"},
		{"if instant < one.until {\n\t\t\t\treturn true, true", "if true {\n\t\t\t\treturn true, true"},
		{"if i == len(resource) || resource[i] == '/' {", "if i == len(resource) {"},
		{"gives && rules.Covers(*x.scopes.at(h.list[i].scope), resource)", "gives"},
	}},
	{"projections/access/grant.go", [][2]string{
		{"return uint64(later[i].position) > v.position", "return uint64(later[i].position) >= v.position"},
		{"func (o *outcome) holds(instant int64) bool { return o.held() && instant < o.until }", "func (o *outcome) holds(instant int64) bool { return o.held() }"},
	}},
	{"projections/access/role.go", [][2]string{
		{"func (x *Index) existed(r *role, v view) bool {\n", "func (x *Index) existed(r *role, v view) bool {\n\tif true {\n\t\treturn true\n\t}\n"},
	}},
}

// Given the engine with one of the bugs, then TestModel fails. The files themselves stay as they are.
func TestModelFindsBugs(t *testing.T) {
	if !long {
		t.Skip("compiles and runs the model once for each bug, which takes many minutes; set PERMLEDGER_LONG=1")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	found := 0
	for _, b := range bugs {
		content, err := os.ReadFile(filepath.Join(root, b.file))
		if err != nil {
			t.Fatal(err)
		}
		for _, bug := range b.bugs {
			if n := strings.Count(string(content), bug[0]); n != 1 {
				t.Errorf("%s: %q stands there %d times", b.file, bug[0], n)
				continue
			}
			how, err := withBug(t, dir, root, b.file, strings.Replace(string(content), bug[0], bug[1], 1))
			switch {
			case err != nil:
				t.Errorf("%s: %q instead of %q: %v", b.file, bug[1], bug[0], err)
			case how == "":
				t.Errorf("%s: nobody notices %q instead of %q", b.file, bug[1], bug[0])
			default:
				found++
				t.Logf("%s: %q: %s", b.file, bug[1], how)
			}
		}
	}
	t.Logf("%d bugs were found", found)
}

// withBug runs the model with another content of a file, and gives what it says; empty where it finds nothing.
func withBug(t *testing.T, dir, root, file, content string) (string, error) {
	t.Helper()
	mutant, list, binary := filepath.Join(dir, "mutant.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "mutant.test")
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(root, file): mutant}})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(mutant, []byte(content), 0o600); err != nil {
		return "", err
	}
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		return "", err
	}
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-vet=off", "-overlay", list, "-o", binary, "./acceptance/model")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	run := exec.CommandContext(t.Context(), binary, "-test.run", "^TestModel$", "-test.timeout", "2m", "-rapid.nofailfile", "-rapid.shrinktime", "1s", "-rapid.checks", "400")
	run.Dir, run.Env = filepath.Join(root, "acceptance", "model"), append(os.Environ(), "PERMLEDGER_LONG=")
	out, err := run.CombinedOutput()
	if err == nil {
		return "", nil
	}
	said := regexp.MustCompile(`(?m)\[rapid\] (failed|panic).*|panic: .*|no .* was ever recorded`).FindString(string(out))
	if said == "" {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return said[:min(len(said), 160)], nil
}
