package cli

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/permledger/permledger/api"
	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/node"
)

// A session is the way to a ledger that a command has while it runs.
type session struct {
	*client.Client
	url   string // of the server; empty where there is none
	token string // that it is called with
	org   string // empty where the command is about no organization
	close func() error

	throwaway bool // the ledger is a story's: nothing of it is kept
}

// with runs a command on the organization it speaks of.
func (a *app) with(ctx context.Context, do func(*session) error) error {
	return a.withServer(ctx, func(s *session) error {
		var err error
		if s.org, err = a.organization(ctx, s.Client); err != nil {
			return err
		}
		return do(s)
	})
}

// withServer runs a command that is about no organization, or about all.
func (a *app) withServer(ctx context.Context, do func(*session) error) error {
	wait, err := a.wait()
	if err != nil {
		return err
	}
	s, err := a.connect(ctx)
	if err != nil {
		return err
	}
	if s.url != "" {
		s.Client = s.Within(wait)
	}
	s.Client = s.Standing(a.stands)
	return errors.Join(s.why(ctx, do(s)), s.close())
}

// why adds to an error that the ledger did not answer, or takes no more commands, what the ledger itself says of that.
func (s *session) why(ctx context.Context, err error) error {
	silent := errors.As(err, new(*client.UnreachableError)) || errors.As(err, new(*client.UnknownError))
	if errors.Is(err, client.ErrSilent) {
		return err // it would not answer this either
	}
	if code := client.CodeOf(err); !silent && code != wire.CodeStopped && code != wire.CodeInternal {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	health, failed := s.Health(ctx)
	if failed != nil {
		return err
	}
	for _, o := range health.Organizations {
		if !o.Writing && !o.Waits && (s.org == "" || s.org == o.ID) {
			err = fmt.Errorf("%w\nThe ledger of %s takes no more commands: %s", err, o.ID, o.Error)
		}
	}
	return err
}

// wait gives how long a server may take to begin an answer.
func (a *app) wait() (time.Duration, error) {
	text := a.p.Env("PERMLEDGER_TIMEOUT")
	if text == "" {
		return client.Wait, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, usage("PERMLEDGER_TIMEOUT=%s: a duration, as 60s or 2m", text)
	}
	return d, nil
}

// organization gives the one that commands speak of: the one that was named, else the only one beside the operator's.
func (a *app) organization(ctx context.Context, c *client.Client) (string, error) {
	if a.org != "" {
		return a.org, nil
	}
	all, err := c.Organizations(ctx)
	if err != nil {
		return "", fmt.Errorf("ask for the organizations: %w", err)
	}
	var ids []string
	for _, o := range all {
		if o.ID != node.Operator {
			ids = append(ids, o.ID)
		}
	}
	switch len(ids) {
	case 1:
		return ids[0], nil
	case 0:
		return "", exit(exitNotFound, "no organization is open here; `permledger org open ID --profile P` opens one")
	}
	return "", usage("which organization? Say --org %s", strings.Join(ids, " or --org "))
}

// How long a command waits for another that has the directory open, and how often it looks.
const (
	lockWait  = 5 * time.Second
	lockAgain = 25 * time.Millisecond
)

// connect finds the ledger: the server that was named; else the one that runs on the data directory; else the directory
// itself. Where another command has it open, that one is waited for, for some seconds.
func (a *app) connect(ctx context.Context) (*session, error) {
	if a.server != "" {
		token, err := a.caller(a.server, "")
		if err != nil {
			return nil, err
		}
		s, err := a.remote(a.server, token)
		if err != nil {
			return nil, err
		}
		return a.pinning(s, strings.TrimSuffix(a.server, "/"), true)
	}
	if a.data == "" {
		return nil, usage("which ledger? Say --data DIR, or set PERMLEDGER_DATA; `permledger init DIR` makes one")
	}
	wait, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	for {
		if s, err := running(a.data); s != nil || err != nil {
			if s, err = a.asCaller(s, err); err != nil {
				return nil, err
			}
			return a.pinning(s, place(a.data), false)
		}
		s, err := a.directory(ctx)
		if err == nil {
			return a.pinning(s, place(a.data), false)
		}
		if !errors.Is(err, node.ErrLocked) {
			return nil, err
		}
		select {
		case <-time.After(lockAgain):
		case <-wait.Done():
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			return nil, fmt.Errorf("%w: wait for it to end, or share the directory with `permledger serve --data %s`", err, a.data)
		}
	}
}

// target gives the directory or URL that a command is about: its argument, else --server, else --data. ask begins what is
// said where there is none.
func (a *app) target(args []string, ask string) (string, error) {
	if len(args) == 1 {
		return args[0], nil
	}
	if target := cmp.Or(a.server, a.data); target != "" {
		return target, nil
	}
	return "", usage("%s Name a directory or a server's URL, or say --data DIR", ask)
}

func (a *app) token() (string, error) {
	if a.tokenFile == "" {
		return a.p.Env("PERMLEDGER_TOKEN"), nil
	}
	b, err := os.ReadFile(a.tokenFile)
	if err != nil {
		return "", usage("--token-file: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// asCaller lets a command call the server that runs on the directory in the session of who signed in there.
func (a *app) asCaller(s *session, err error) (*session, error) {
	if err != nil || s == nil {
		return s, err
	}
	token, err := a.caller(s.url, s.token)
	if err != nil {
		return nil, err
	}
	other := *s
	other.Client, other.token = s.As(token), token
	return &other, nil
}

// remote gives the way to a server; trusting says which certificates of it count, nil: those of the machine's authorities.
func remote(url, token string, trusting *http.Client) *session {
	return &session{Client: client.New(url, token, trusting), url: url, token: token, close: func() error { return nil }}
}

// running gives the server that runs on a directory, or nil where none does: a process that was killed leaves its
// server.json behind, and a power cut perhaps a part of it.
func running(dir string) (*session, error) {
	b, err := os.ReadFile(serverFile(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find the server of %s: %w", dir, err)
	}
	var s wire.Server
	if err := json.Unmarshal(b, &s); err != nil || !alive(s) {
		return nil, nil
	}
	token, err := os.ReadFile(s.Token)
	if err != nil {
		return nil, exit(exitDenied, "find the server of %s: its token: %w", dir, err)
	}
	var trusting *http.Client
	if s.Certificate != "" {
		trusting = client.TrustCertificate(s.Certificate)
	}
	r := remote(s.URL, strings.TrimSpace(string(token)), trusting)
	r.throwaway = s.Throwaway
	return r, nil
}

func serverFile(dir string) string { return filepath.Join(dir, "run", "server.json") }

// alive says whether the process is there and something takes connections where it said it would.
func alive(s wire.Server) bool {
	if s.PID > 0 && errors.Is(unix.Kill(s.PID, 0), unix.ESRCH) {
		return false
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		return false
	}
	conn, err := net.DialTimeout("tcp", u.Host, time.Second)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// directory opens the data directory in this process.
func (a *app) directory(ctx context.Context) (*session, error) {
	o, err := a.nodeOptions()
	if err != nil {
		return nil, err
	}
	o.AskNobody = a.stands != wire.Witnessed
	n, err := node.Open(ctx, a.data, o)
	if err != nil {
		return nil, err
	}
	token := newToken()
	h := api.New(n, api.Options{Token: token, Logger: a.logger(), Version: version()})
	return &session{Client: client.InProcess(h, token), close: n.Close}, nil
}

// nodeOptions gives how a data directory is opened.
func (a *app) nodeOptions() (node.Options, error) {
	o := node.Options{Logger: a.logger(), NATS: a.nats.options(), Signer: a.signer.argv()}
	if a.minFree != "" {
		var err error
		if o.MinFree, err = strconv.ParseUint(a.minFree, 10, 64); err != nil {
			return o, usage("--min-free %s: a number of bytes", a.minFree)
		}
		if o.MinFree == 0 {
			o.MinFree = node.NoMinFree
		}
	}
	return o, nil
}

// newToken makes what lets a caller in.
func newToken() string {
	secret := make([]byte, 32)
	rand.Read(secret) // never fails: crypto/rand ends the process instead
	return base64.RawURLEncoding.EncodeToString(secret)
}

// logger writes warnings to stderr, a line for each; a server writes what it was told to.
func (a *app) logger() *slog.Logger {
	level, err := a.ops.level()
	if err != nil { // a command that has no such flag
		level = slog.LevelWarn
	}
	return newLogger(a.p.Err, a.ops.logFormat, level)
}
