// What `permledger serve` has within, on a directory that it has left: to measure a decision within the process, and to see
// where the time of a request goes. Nobody serves with this, so the program needs no endpoint that tells its profile.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
	"time"

	"github.com/permledger/permledger/api"
	"github.com/permledger/permledger/bench/shell"
	"github.com/permledger/permledger/bench/world"
	"github.com/permledger/permledger/node"
)

func main() {
	data := flag.String("data", "", "the data `directory`")
	prefix := flag.String("prefix", "", "what stands before the world's names of permissions")
	measure := flag.Bool("measure", false, "measure it within this process, and print that as JSON")
	listen := flag.String("listen", "", "the loopback `address` to serve at until a signal comes")
	profile := flag.String("profile", "", "the `file` that gets the processor's profile of that time; allocations get another beside it")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	n, err := node.Open(ctx, *data, node.Options{})
	if err == nil {
		if *measure {
			err = decide(n, *prefix)
		} else {
			err = serve(ctx, n, *listen, *profile)
		}
		err = errors.Join(err, n.Close())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// decide measures what services with a replica have in their own process, too.
func decide(n *node.Node, prefix string) error {
	org, err := n.Org("main")
	if err != nil {
		return err
	}
	w := world.Make(world.Standard, world.Seed)
	for i := range w.Checks {
		w.Checks[i].Permission = prefix + w.Checks[i].Permission
	}
	return json.NewEncoder(os.Stdout).Encode(shell.Measure(w, func(user, permission, resource string) (bool, error) {
		return org.Access.Allows(user, permission, resource, org.Access.Now(time.Now())), nil
	}))
}

func serve(ctx context.Context, n *node.Node, addr, profile string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	cpu, err := os.Create(profile)
	if err != nil {
		return err
	}
	defer cpu.Close()
	if err := pprof.StartCPUProfile(cpu); err != nil {
		return err
	}
	server := &http.Server{Handler: api.New(n, api.Options{}), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	pprof.StopCPUProfile()
	allocs, err := os.Create(profile + ".allocs")
	if err != nil {
		return err
	}
	return errors.Join(pprof.Lookup("allocs").WriteTo(allocs, 0), allocs.Close())
}
