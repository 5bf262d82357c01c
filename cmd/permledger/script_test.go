package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/permledger/permledger/internal/signer/signertest"
)

// The test binary is permledger too, for the scripts to run.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"permledger": func() { os.Exit(run(time.Now())) }})
}

// TestScripts runs what people type, with real processes, files and signals.
func TestScripts(t *testing.T) {
	signer := signerProgram(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("SIGNER", signer)
			env.Setenv("PERMLEDGER_PINS", filepath.Join(env.WorkDir, ".pins"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":        exits,
			"until":        untilSays,
			"role-history": roleHistory,
			"wait-file":    waitFile,
			"server":       server,
			"gone":         gone,
			"certificate":  certificate,
			"wait-size":    waitSize,
			"flip":         flip,
			"cut-gzip":     cutGzip,
			"kept":         kept,
			"json":         jsonIs,
			"word":         word,
			"field":        field,
			"large-role":   largeRole,
			"fetch":        fetch,
		},
	})
}

// signerProgram gives the program in examples/signer.
func signerProgram(t *testing.T) string {
	t.Helper()
	argv, _ := signertest.Build(t).Program(t)
	return argv[0]
}

// exits runs a program that must end with a code: exits CODE PROGRAM ARGS...
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	if ended := (*exec.ExitError)(nil); errors.As(err, &ended) {
		got = ended.ExitCode()
	} else {
		ts.Check(err)
	}
	ts.Logf("[stdout]\n%s[stderr]\n%s", ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	if got != want {
		ts.Fatalf("exit code %d; want %d", got, want)
	}
}

// roleHistory writes a role history of N lines: role-history N FILE. Every role is created once and then changed.
func roleHistory(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), roleLines(n), 0o600))
}

func roleLines(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		at := time.Date(2021, 11, 12, 10, 0, i, 0, time.UTC).Format(time.RFC3339)
		role := fmt.Sprintf("role-%d", i%100)
		if i < 100 {
			fmt.Fprintf(&b, `{"time":%q,"op":"create-role","role":%q,"title":"Role %d","permissions":["p.a","p.b"]}`+"\n", at, role, i)
		} else {
			fmt.Fprintf(&b, `{"time":%q,"op":"update-role","role":%q,"add":["p.%d"]}`+"\n", at, role, i)
		}
	}
	return b.Bytes()
}

// waitFor looks until a condition holds.
func waitFor(ts *testscript.TestScript, what string, holds func() bool) {
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	end := time.After(20 * time.Second)
	for !holds() {
		select {
		case <-look.C:
		case <-end:
			ts.Fatalf("%s: not in 20 s", what)
		}
	}
}

// untilSays runs a program until it writes what a pattern fits: until PATTERN PROGRAM ARGS...
func untilSays(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until PATTERN PROGRAM ARGS...")
	}
	pattern, err := regexp.Compile(args[0])
	ts.Check(err)
	waitFor(ts, args[0], func() bool {
		_ = ts.Exec(args[1], args[2:]...)
		return pattern.MatchString(ts.ReadFile("stdout"))
	})
}

// waitFile waits until a file is there: wait-file PATTERN
func waitFile(ts *testscript.TestScript, _ bool, args []string) {
	waitFor(ts, args[0], func() bool { return len(found(ts, args[0])) > 0 })
}

// server lets the commands that follow ask the server on a directory over HTTP, as from another machine: server DIR
func server(ts *testscript.TestScript, _ bool, args []string) {
	var at struct{ URL, Token string }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(filepath.Join(args[0], "run", "server.json"))), &at))
	ts.Setenv("PERMLEDGER_SERVER", at.URL)
	ts.Setenv("PERMLEDGER_TOKEN", strings.TrimSpace(ts.ReadFile(at.Token)))
	ts.Setenv("ADDRESS", strings.TrimPrefix(at.URL, "http://"))
}

// fetch writes what a URL answers to a file, and demands 200, or with ! anything else: fetch URL FILE
func fetch(ts *testscript.TestScript, neg bool, args []string) {
	r, err := http.Get(args[0])
	ts.Check(err)
	b, err := io.ReadAll(r.Body)
	ts.Check(errors.Join(err, r.Body.Close(), os.WriteFile(ts.MkAbs(args[1]), b, 0o600)))
	if (r.StatusCode == http.StatusOK) == neg {
		ts.Fatalf("%s: %s %s", args[0], r.Status, b)
	}
}

// gone checks that no file is there: gone PATTERN
func gone(ts *testscript.TestScript, _ bool, args []string) {
	if files := found(ts, args[0]); len(files) > 0 {
		ts.Fatalf("left behind: %q", files)
	}
}

func found(ts *testscript.TestScript, pattern string) []string {
	files, err := filepath.Glob(ts.MkAbs(pattern))
	ts.Check(err)
	return files
}

// waitSize waits until a file has so many bytes: wait-size FILE BYTES
func waitSize(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	waitFor(ts, args[0], func() bool {
		info, err := os.Stat(ts.MkAbs(args[0]))
		return err == nil && info.Size() >= want
	})
}

// word puts the one word of a file into a variable: word FILE VARIABLE
func word(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[1], strings.TrimSpace(ts.ReadFile(args[0])))
}

// field puts a member of a JSON object in a file into a variable: field FILE NAME VARIABLE
func field(ts *testscript.TestScript, _ bool, args []string) {
	var object map[string]any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &object))
	text, ok := object[args[1]].(string)
	if !ok {
		ts.Fatalf("%s has no text %q", args[0], args[1])
	}
	ts.Setenv(args[2], text)
}

// largeRole writes a history of a role with N permissions, as clouds have them: large-role N FILE
func largeRole(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("service%03d.resources%02d.action%d", i/100, i/10%10, i%10)
	}
	list, err := json.Marshal(names)
	ts.Check(err)
	line := fmt.Sprintf(`{"time":"2021-11-12T10:00:00Z","op":"create-role","role":"owner","title":"Owner","permissions":%s}`+"\n", list)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(line), 0o600))
}

// flip changes one letter of the first occurrence of a text in a file: flip FILE TEXT
func flip(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	b, err := os.ReadFile(path)
	ts.Check(err)
	at := bytes.Index(b, []byte(args[1]))
	if at < 0 {
		ts.Fatalf("%s does not hold %q", args[0], args[1])
	}
	b[at] ^= 1
	ts.Check(os.WriteFile(path, b, 0o600))
}

// cutGzip compresses a file and leaves out the end: cut-gzip FILE INTO
func cutGzip(ts *testscript.TestScript, _ bool, args []string) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(ts.ReadFile(args[0])))
	ts.Check(errors.Join(err, w.Close()))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), b.Bytes()[:b.Len()/2], 0o600))
}

// kept checks that a history holds all that a watcher saw: kept SEEN HISTORY, both JSON lines. A last line that was cut
// off does not count.
func kept(ts *testscript.TestScript, _ bool, args []string) {
	read := func(name string) map[uint64]string {
		all := map[uint64]string{}
		in := bufio.NewReader(strings.NewReader(ts.ReadFile(name)))
		for {
			line, err := in.ReadBytes('\n')
			if err != nil {
				return all
			}
			var item struct {
				Seq uint64 `json:"seq"`
				CID string `json:"cid"`
			}
			ts.Check(json.Unmarshal(line, &item))
			all[item.Seq] = item.CID
		}
	}
	seen, history := read(args[0]), read(args[1])
	for seq, cid := range seen {
		if history[seq] != cid {
			ts.Fatalf("event %d was %s, and is %q", seq, cid, history[seq])
		}
	}
	ts.Logf("%d seen, all of them among the %d that are there", len(seen), len(history))
	if len(seen) < 10 {
		ts.Fatalf("only %d events were seen, which says little", len(seen))
	}
}

// jsonIs checks the JSON of the last stdout at a path of members and indexes: json PATH VALUE, as json asOf.seq 3.
func jsonIs(ts *testscript.TestScript, neg bool, args []string) {
	var v any
	if err := json.Unmarshal([]byte(ts.ReadFile("stdout")), &v); err != nil {
		ts.Fatalf("stdout is no JSON: %v", err)
	}
	for _, step := range strings.Split(args[0], ".") {
		switch x := v.(type) {
		case map[string]any:
			if _, ok := x[step]; !ok {
				ts.Fatalf("%s: there is no member %q", args[0], step)
			}
			v = x[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(x) {
				ts.Fatalf("%s: there is no index %q in %d elements", args[0], step, len(x))
			}
			v = x[i]
		default:
			if step != "" {
				ts.Fatalf("%s: there is nothing below %q", args[0], step)
			}
		}
	}
	got, err := json.Marshal(v)
	ts.Check(err)
	if (string(got) == args[1]) == neg {
		ts.Fatalf("%s is %s", args[0], got)
	}
}
