// Permledger records who may do what, as a ledger: each change of a role, a grant or a key is a signed, content-addressed
// event. The one program is the server and the client.
//
//	permledger dev                   a throw-away ledger with a story in it, to look at
//	permledger init DIR              a ledger that stays
//	permledger serve --data DIR      serves it
//
// `permledger help` lists the commands, `permledger help exit-codes`, `environment` and `revisions` what scripts rely
// on. Answers go to stdout, everything else to stderr.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/permledger/permledger/cmd/permledger/internal/cli"
)

func main() { os.Exit(run(time.Now())) }

func run(started time.Time) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	return cli.Run(ctx, cli.Process{
		Args: os.Args[1:], In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Env: os.Getenv, Environ: os.Environ(), Started: started,
	})
}
