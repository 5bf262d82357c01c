package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/witness"
)

// witnessFlags are those of `permledger witness`.
type witnessFlags struct {
	listen string
	dir    string
	name   string
	logs   []string
}

func (a *app) witnessCommand() *cobra.Command {
	var f witnessFlags
	c := &cobra.Command{
		Use:   "witness --dir DIR --log VKEY…",
		Short: "Be a witness: cosign checkpoints of ledgers, each only if it continues the last one",
		Long: `A witness cosigns the checkpoints of ledgers that others run. It cosigns a checkpoint only if it continues the last one that
it cosigned, and keeps every note that it sees; so whoever demands its cosignature cannot be shown another history than
everybody else. It speaks c2sp.org/tlog-witness, and stands best on a machine of somebody who is not the ledger's operator.

The first start makes the key, in DIR/key, and needs the witness's name, which is in every cosignature from then on: it
should look like a URL without its scheme, as witness.example.org. ` + "`permledger witness key`" + ` writes what those who are
to trust it need, and the line for their policy. --log is the key of a ledger, as ` + "`permledger policy`" + ` shows it; two keys of
one ledger while one takes the place of the other.

A ledger that has signed two histories ends the witness with exit code 7, and with both notes in DIR: see docs/witnesses.md.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.witness(c.Context(), f) },
	}
	flags := c.Flags()
	flags.StringVar(&f.listen, "listen", "127.0.0.1:8421", "the `address` to listen on; port 0 takes any that is free")
	flags.StringVar(&f.dir, "dir", "", "the witness's `directory`; is made where it is not there")
	flags.StringVar(&f.name, "name", "", "the `name` of the witness's key, at the first start")
	flags.StringArrayVar(&f.logs, "log", nil, "the `vkey` of a ledger to cosign for; may be repeated")
	c.AddCommand(a.witnessKeyCommand())
	return c
}

func (a *app) witnessKeyCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "key --dir DIR",
		Short: "Write the key that verifies the witness's cosignatures, as a vkey",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if dir == "" {
				return usage("the key of which witness? Say --dir DIR")
			}
			k, err := witness.ReadKey(dir)
			if errors.Is(err, fs.ErrNotExist) {
				return usage("%s is no witness's directory; `permledger witness --dir %s` makes one", dir, dir)
			}
			if err != nil {
				return err
			}
			return a.write([]byte(k.String() + "\n"))
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "the witness's `directory`")
	return c
}

// witness opens the directory, and cosigns until it is told to stop or a ledger has forked.
func (a *app) witness(ctx context.Context, f witnessFlags) error {
	o, err := a.witnessConfig(f)
	if err != nil {
		return err
	}
	w, err := witness.Open(o)
	if err != nil {
		return err
	}
	return errors.Join(a.cosign(ctx, w, f), w.Close())
}

func (a *app) witnessConfig(f witnessFlags) (o witness.Config, err error) {
	if f.dir == "" || len(f.logs) == 0 {
		return o, usage("say `permledger witness --dir DIR --log VKEY`: where the witness keeps its notes, and for which ledgers it cosigns")
	}
	o = witness.Config{Dir: f.dir, Name: f.name, Logger: a.logger()}
	for _, vkey := range f.logs {
		k, err := note.ParseKey(vkey)
		if err == nil && k.Kind != note.KindLog {
			err = errors.New("it is a witness's")
		}
		if err != nil {
			return o, usage("--log %s: %w", vkey, err)
		}
		o.Logs = append(o.Logs, k)
	}
	have, err := witness.ReadKey(f.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !note.ValidName(f.name):
		return o, usage("a new witness needs a name without spaces and +: --name witness.example.org")
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return o, err
	case err == nil && f.name != "" && f.name != have.Name:
		return o, usage("--name %s: the witness in %s is %s, for ever", f.name, f.dir, have.Name)
	case err == nil:
		o.Name = have.Name
	}
	if o.Signer, err = keyAt(filepath.Join(f.dir, "key")); err != nil {
		return o, err
	}
	return o, nil
}

// cosign serves a witness until ctx ends, or until it has found that a ledger forked: then its error says so.
func (a *app) cosign(ctx context.Context, w *witness.Witness, f witnessFlags) error {
	ln, err := net.Listen("tcp", f.listen)
	if err != nil {
		return fmt.Errorf("witness: %w", err)
	}
	place := filepath.Join(f.dir, "server.json")
	b, err := json.Marshal(wire.Server{URL: "http://" + ln.Addr().String(), PID: os.Getpid()})
	if err == nil {
		err = writeWhole(place, append(b, '\n'))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("witness: %w", err), ln.Close())
	}
	a.say("witness %s at http://%s, for %s\n%s", w.Key().Name, ln.Addr(), strings.Join(w.Origins(), ", "), w.Key())
	server := &http.Server{Handler: w.Handler(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 20 * time.Second, WriteTimeout: 20 * time.Second, IdleTimeout: 2 * time.Minute}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(ln) }()
	select {
	case err := <-failed:
		return errors.Join(fmt.Errorf("witness: %w", err), os.Remove(place))
	case <-w.Forked():
	case <-ctx.Done():
	}
	ending, stop := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer stop()
	if server.Shutdown(ending) != nil {
		err = server.Close()
	}
	<-failed // http.ErrServerClosed
	return errors.Join(w.Err(), err, os.Remove(place))
}
