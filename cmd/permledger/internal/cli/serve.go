package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api"
	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/console"
	"github.com/permledger/permledger/node"
)

func (a *app) serveCommand() *cobra.Command {
	var witnesses string
	var listening listenFlags
	var reading readerFlags
	var limits limitFlags
	var streams changesFlags
	var private, public bool
	c := &cobra.Command{
		Use:   "serve",
		Short: "Serve the data directory over HTTP until it is told to stop",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if _, err := a.configure(c); err != nil {
				return err
			}
			if a.data == "" {
				return usage("serve which ledger? Say --data DIR; `permledger init DIR` makes one")
			}
			if err := a.ops.check(); err != nil {
				return err
			}
			o, err := a.nodeOptions()
			if err == nil {
				err = streams.options(&o)
			}
			if err != nil {
				return err
			}
			o.ActivityKeep = limits.keep
			if witnesses != "" {
				if o.Witnesses, err = node.ReadWitnesses(witnesses); err != nil {
					return err
				}
			}
			n, err := a.open(c.Context(), o)
			if err != nil {
				return err
			}
			if err := reading.open(a, n, &listening); err != nil {
				return errors.Join(err, n.Close())
			}
			return errors.Join(a.serve(c.Context(), n, &listening, api.Options{PrivateLog: private, PublicDocuments: public, Limits: limits.limits()}), n.Close())
		},
	}
	a.nats.flags(c, a.p)
	a.ops.flags(c)
	a.addConfig(c)
	c.Flags().StringVar(&witnesses, "witnesses", "", "a `file` that names the witnesses of checkpoints, as c2sp.org/tlog-policy has it, without log lines; else DIR/node/"+node.WitnessesFile+", if it is there")
	listening.flags(c)
	reading.flags(c)
	limits.flags(c)
	streams.flags(c)
	c.Flags().BoolVar(&public, "public-documents", false, "serve signed documents at /ipfs/CID to everybody who has their CID")
	c.Flags().BoolVar(&private, "private-log", false, "let only those read checkpoints and hash tiles who may read the history")
	return c
}

// open opens the directory to serve it. A command that has it open is waited for, for some seconds; a server is not.
func (a *app) open(ctx context.Context, o node.Options) (*node.Node, error) {
	wait, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	for {
		n, err := node.Open(ctx, a.data, o)
		if !errors.Is(err, node.ErrLocked) {
			return n, err
		}
		if s, _ := running(a.data); s != nil {
			return nil, fmt.Errorf("%w: a server answers at %s", err, s.url)
		}
		select {
		case <-time.After(lockAgain):
		case <-wait.Done():
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			return nil, err
		}
	}
}

func (a *app) serve(ctx context.Context, n *node.Node, at *listenFlags, o api.Options) error {
	o.Logger, o.Stats = a.logger(), api.NewStats(n, version())
	monitor, err := listenMetrics(a.ops.metrics, o.Stats)
	if err != nil {
		return err
	}
	l, err := a.listenOn(n, at, o, false)
	if err != nil {
		return errors.Join(err, monitor.close())
	}
	l.ops = a.ops
	for _, w := range n.Stream().Promise().Warnings() {
		a.say("%s", w)
	}
	a.say("serving %s at %s%s", n.Dir(), l.URL, heads(n))
	a.say("to look at it in a browser: %s", consoleAddress(l.people, n))
	return errors.Join(l.run(ctx), monitor.close())
}

// consoleAddress gives the address of the console: of the one organization that is served, or where people say which.
func consoleAddress(server string, n *node.Node) string {
	all := slices.DeleteFunc(n.Organizations(), func(id string) bool { return id == node.Operator })
	if len(all) == 1 {
		return server + "/console/" + all[0] + "/overview"
	}
	return server + "/console/"
}

// heads says how far the ledgers of a node are.
func heads(n *node.Node) string {
	text := ""
	for _, id := range n.Organizations() {
		if id == node.Operator {
			continue
		}
		if o, err := n.Org(id); err == nil {
			head := o.Access.Head()
			text += fmt.Sprintf("%s%s %d %s", gap, id, head.Position, head.CID)
		}
	}
	return text
}

// A listener serves a node over HTTP. The files in DIR/run say where, while it does.
type listener struct {
	wire.Server
	net  net.Listener
	http *http.Server
	dir  string

	people string // the URL that people call it by

	stats *api.Stats // for what is to be stopped; nil: nobody asks whether it is ready
	ops   opsFlags
}

// listenOn begins to listen and writes token and server.json. Requests are answered once run is called.
func (a *app) listenOn(n *node.Node, at *listenFlags, o api.Options, throwaway bool) (*listener, error) {
	o.Token, o.Version = newToken(), version()
	var err error
	if o.Proxies, err = at.trusted(); err != nil {
		return nil, err
	}
	if o.Providers, err = at.providers(); err != nil {
		return nil, err
	}
	ln, url, err := at.open(a)
	if err != nil {
		return nil, err
	}
	o.URL = cmp.Or(strings.TrimSuffix(at.external, "/"), url)
	certificate, err := at.certificate()
	if err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	dir, err := filepath.Abs(n.Dir())
	if err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	l := &listener{
		net: ln, dir: dir, people: o.URL, ops: opsFlags{drain: drain}, stats: o.Stats,
		http:   httpServer(console.New(api.New(n, o), console.Options{Logger: o.Logger}), o.Logger),
		Server: wire.Server{URL: url, Certificate: certificate, Token: filepath.Join(dir, "run", "token"), PID: os.Getpid(), Throwaway: throwaway},
	}
	if err := l.announce(o.Token); err != nil {
		return nil, errors.Join(fmt.Errorf("serve: %w", err), ln.Close())
	}
	return l, nil
}

// announce writes the token before the file that leads to it.
func (l *listener) announce(token string) error {
	if err := os.MkdirAll(filepath.Join(l.dir, "run"), 0o700); err != nil {
		return err
	}
	if err := writeWhole(l.Token, []byte(token+"\n")); err != nil {
		return err
	}
	if l.stats != nil {
		l.Metrics = l.stats.URL
	}
	b, err := json.Marshal(l.Server)
	if err != nil {
		return err
	}
	return writeWhole(serverFile(l.dir), append(b, '\n'))
}

// writeWhole replaces a file, so that a reader sees it as it was or as it is. It need not outlast a crash.
func writeWhole(path string, content []byte) error {
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// run serves until ctx ends. Then it is not ready, and soon not found any more; after a while in which load balancers notice
// that, no connection is taken, streams are ended, and requests that are under way come to their end, for some seconds.
func (l *listener) run(ctx context.Context) error {
	requests, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	l.http.BaseContext = func(net.Listener) context.Context { return requests }
	failed := make(chan error, 1)
	go func() { failed <- l.http.Serve(l.net) }()
	select {
	case err := <-failed:
		return errors.Join(fmt.Errorf("serve: %w", err), os.Remove(serverFile(l.dir)))
	case <-ctx.Done():
	}
	if l.stats != nil {
		l.stats.Drain()
	}
	if err := linger(l.ops.lameDuck, failed); err != nil {
		return errors.Join(fmt.Errorf("serve: %w", err), os.Remove(serverFile(l.dir)))
	}
	err := os.Remove(serverFile(l.dir))
	drain := l.ops.drain
	// Streams to watchers have no end of their own, and would be waited for in vain.
	ending, stop := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer stop()
	timer := time.AfterFunc(drain/10, cancel)
	defer timer.Stop()
	if down := l.http.Shutdown(ending); down != nil {
		err = errors.Join(err, l.http.Close())
	}
	<-failed // http.ErrServerClosed
	return err
}
