package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/permledger/permledger/ledger/secret"
)

// signedIn is a session that `permledger login` keeps: the token is a secret until the session ends.
type signedIn struct {
	Server  string `json:"server"`
	Org     string `json:"org"`
	Subject string `json:"subject"`
	Token   string `json:"token"`
	Expires string `json:"expires"`
}

// sessionsFile says where sessions are kept.
func (a *app) sessionsFile() (string, error) {
	if file := a.p.Env("PERMLEDGER_SESSIONS"); file != "" {
		return file, nil
	}
	if dir := a.p.Env("XDG_CONFIG_HOME"); dir != "" {
		return filepath.Join(dir, "permledger", "sessions.json"), nil
	}
	if dir := a.p.Env("HOME"); dir != "" {
		return filepath.Join(dir, ".config", "permledger", "sessions.json"), nil
	}
	return "", usage("where are sessions kept? Set PERMLEDGER_SESSIONS to a file, or HOME")
}

// readSessions gives the sessions that are kept; none where there is no file.
func (a *app) readSessions() ([]signedIn, error) {
	file, err := a.sessionsFile()
	if err != nil {
		return nil, nil //nolint:nilerr // nowhere to keep any
	}
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, exit(exitDenied, "read the sessions: %w", err)
	}
	var all []signedIn
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, usage("%s holds no sessions; remove it and sign in again", file)
	}
	return all, nil
}

// keepSessions keeps what change makes of the sessions, in a file that nobody else can read.
func (a *app) keepSessions(change func([]signedIn) []signedIn) error {
	file, err := a.sessionsFile()
	if err != nil {
		return err
	}
	all, err := a.readSessions()
	if err != nil {
		return err
	}
	b, err := encodeJSON(change(all), true)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".sessions-*") // made with mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return fmt.Errorf("keep the session: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

func (s signedIn) of(server, org string) bool {
	return s.Server == strings.TrimSuffix(server, "/") && (org == "" || s.Org == org)
}

// caller gives the token that a command calls a server with: the one that was named; else that of a session, unless a key
// was named; else an API key; else what local gives, which may be nothing.
func (a *app) caller(server, local string) (string, error) {
	named, err := a.token()
	if err != nil || named != "" {
		return named, err
	}
	key := a.keyNamed()
	if key == "" {
		all, err := a.readSessions()
		if err != nil {
			return "", err
		}
		if at := slices.IndexFunc(all, func(s signedIn) bool { return s.of(server, a.org) }); at >= 0 {
			if a.org == "" {
				a.org = all[at].Org
			}
			return all[at].Token, nil
		}
	}
	if local == "" && isAPIKey(key) {
		return key, nil
	}
	return local, nil
}

func isAPIKey(text string) bool {
	kind, ok := secret.KindOf(text)
	return ok && kind == secret.APIKey
}

// inSession says whether changes are signed by the server, in a session: no key was named, and it is called with the token
// of one.
func (a *app) inSession(s *session) bool {
	kind, ok := secret.KindOf(s.token)
	return ok && kind == secret.Session && a.keyNamed() == ""
}

// keyNamed gives the key that a command is to sign with, as it was named: a file or an API key; empty: none. A file that
// `key create --out` made holds an API key, and stands for it.
func (a *app) keyNamed() string {
	named := cmp.Or(a.key, a.p.Env("PERMLEDGER_KEY"))
	if info, err := os.Stat(named); err != nil || info.Size() > longestAPIKey || info.Mode().Perm()&0o077 != 0 {
		return named // a file that others can read is refused where it is read
	}
	if b, err := os.ReadFile(named); err == nil && isAPIKey(strings.TrimSpace(string(b))) {
		return strings.TrimSpace(string(b))
	}
	return named
}

// longestAPIKey is more than a file with an API key has, in bytes, and less than one with another key.
const longestAPIKey = 80
