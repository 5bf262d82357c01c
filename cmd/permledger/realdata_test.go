package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// realData gives a file of the folder that PERMLEDGER_TESTDATA names.
func realData(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("PERMLEDGER_TESTDATA")
	if dir == "" {
		t.Skipf("PERMLEDGER_TESTDATA names no folder that holds %s", name)
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("PERMLEDGER_TESTDATA: %v", err)
	}
	return path
}

func unzipped(t *testing.T, path string) io.Reader {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	r, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// permledger runs the program and gives what it wrote.
func permledger(t *testing.T, args ...string) []byte {
	t.Helper()
	c := exec.Command("permledger", args...)
	var stderr strings.Builder
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("permledger %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return out
}

type change struct {
	Time, Op, Role     string
	Title, Description *string
	Permissions        []string
	Add, Remove        []string
}

// truth is a role as its source has it.
type truth struct {
	Name, Description string
	Permissions       []string
}

// rolesAt folds the lines of a role history as dumbly as can be, up to a time; empty: all.
func rolesAt(t *testing.T, lines []change, until string) map[string]truth {
	t.Helper()
	sets := map[string]map[string]bool{}
	roles := map[string]truth{}
	for _, c := range lines {
		if until != "" && c.Time > until {
			break
		}
		r := roles[c.Role]
		switch c.Op {
		case "create-role":
			r, sets[c.Role] = truth{}, map[string]bool{}
		case "delete-role":
			delete(roles, c.Role)
			continue
		}
		if c.Title != nil {
			r.Name = *c.Title
		}
		if c.Description != nil {
			r.Description = *c.Description
		}
		for _, p := range append(c.Permissions, c.Add...) {
			sets[c.Role][p] = true
		}
		for _, p := range c.Remove {
			delete(sets[c.Role], p)
		}
		roles[c.Role] = r
	}
	for key, r := range roles {
		r.Permissions = []string{}
		for p := range sets[key] {
			r.Permissions = append(r.Permissions, p)
		}
		slices.Sort(r.Permissions)
		if r.Name == "" { // a role has a name; where the source gives none it is called by its key
			r.Name = key
		}
		roles[key] = r
	}
	return roles
}

// TestRealRoleHistory imports every change of a cloud's roles in two years, and compares each role, now and at dates in
// between, with a fold of the source.
func TestRealRoleHistory(t *testing.T) {
	path := realData(t, "gcp-roles-history-2021-2023.jsonl.gz")
	var lines []change
	scan := bufio.NewScanner(unzipped(t, path))
	scan.Buffer(nil, 4<<20)
	for scan.Scan() {
		var c change
		if err := json.Unmarshal(scan.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, c)
	}
	dir := filepath.Join(t.TempDir(), "ledger")
	permledger(t, "init", dir)
	permledger(t, "import", "--data", dir, "--format", "role-history", path)
	permledger(t, "verify", dir)
	dates := []string{""}
	for i := range 8 {
		dates = append(dates, lines[i*(len(lines)-1)/7].Time)
	}
	for _, date := range dates {
		asOf := "head"
		if date != "" {
			asOf = "occurred:" + date
		}
		var rows []struct {
			Key, Name, Description string
			Permissions            []string
		}
		if err := json.Unmarshal(permledger(t, "role", "ls", "--data", dir, "--permissions", "-o", "json", "--as-of", asOf), &rows); err != nil {
			t.Fatal(err)
		}
		got := map[string]truth{}
		for _, r := range rows {
			slices.Sort(r.Permissions)
			got[r.Key] = truth{r.Name, r.Description, r.Permissions}
		}
		if diff := cmp.Diff(rolesAt(t, lines, date), got); diff != "" {
			t.Errorf("as of %s (-source +ledger):\n%.2000s", asOf, diff)
		}
	}
	// A second run, from another path and not compressed, changes nothing
	before := permledger(t, "role", "ls", "--data", dir, "--permissions", "-o", "json")
	plain := filepath.Join(t.TempDir(), "again")
	content, err := io.ReadAll(unzipped(t, path))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(plain, content, 0o600); err != nil {
		t.Fatal(err)
	}
	out := permledger(t, "import", "--data", dir, "--format", "role-history", plain, "-o", "json")
	var sum struct{ Records, Repeated, Entries int }
	if err := json.Unmarshal(out, &sum); err != nil {
		t.Fatal(err)
	}
	if sum.Entries != 0 || sum.Repeated != len(lines) || sum.Records != len(lines) {
		t.Errorf("a second run: %s", out)
	}
	if after := permledger(t, "role", "ls", "--data", dir, "--permissions", "-o", "json"); string(after) != string(before) {
		t.Error("a second run changed a role")
	}
}

// TestRealAssignments imports the assignments of two organizations and exports them again, to the last permission.
func TestRealAssignments(t *testing.T) {
	for _, name := range []string{"hp-hc", "hp-fire1"} {
		t.Run(name, func(t *testing.T) {
			path := realData(t, name+".json.gz")
			dir := filepath.Join(t.TempDir(), "ledger")
			permledger(t, "init", dir)
			permledger(t, "import", "--data", dir, "--format", "assignments", path)
			permledger(t, "verify", dir)
			var want, got struct {
				UserPermissions map[string][]int `json:"userPermissions"`
			}
			if err := json.NewDecoder(unzipped(t, path)).Decode(&want); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(permledger(t, "assignments", "export", "--data", dir), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-source +ledger):\n%.2000s", diff)
			}
			user, permissions := "", []int{}
			for u, p := range want.UserPermissions {
				if len(p) > 0 && (user == "" || u < user) {
					user, permissions = u, p
				}
			}
			permledger(t, "check", "--data", dir, user, fmt.Sprint(permissions[0])) // exit 0: allowed
		})
	}
}
