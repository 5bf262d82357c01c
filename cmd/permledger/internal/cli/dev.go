package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api"
	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/node"
	"github.com/permledger/permledger/verify"
)

// devPort is where dev listens, if it can; else where it can.
const devPort = 8420

func (a *app) devCommand() *cobra.Command {
	var once bool
	port := devPort
	c := &cobra.Command{
		Use:   "dev",
		Short: "A throw-away ledger with a story in it, to look at",
		Long: `Make a ledger in a temporary directory, record a story in it as everybody's commands are recorded, show what that
gives, and serve it until Ctrl-C, which removes it.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			signal.Ignore(syscall.SIGPIPE) // who stops reading must not keep the directory from being removed
			dir, err := os.MkdirTemp("", "permledger-dev-")
			if err != nil {
				return fmt.Errorf("dev: %w", err)
			}
			err = a.dev(c.Context(), dir, once, devAddress(port, c.Flags().Changed("port")))
			return errors.Join(err, os.RemoveAll(dir))
		},
	}
	c.Flags().BoolVar(&once, "once", false, "do not serve: show it and end")
	c.Flags().IntVar(&port, "port", devPort, "the `port` to serve on; 0 takes any that is free")
	return c
}

// devAddress gives the addresses to try: where no port was named, another one will do.
func devAddress(port int, named bool) []string {
	at := []string{"127.0.0.1:" + strconv.Itoa(port)}
	if !named {
		at = append(at, "127.0.0.1:0")
	}
	return at
}

func (a *app) dev(ctx context.Context, dir string, once bool, addresses []string) (err error) {
	a.data, a.org, a.server = dir, storyOrganization, ""
	if err := node.Init(dir, "localhost"); err != nil {
		return err
	}
	logs, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return fmt.Errorf("dev: %w", err)
	}
	defer func() { err = errors.Join(err, logs.Close()) }()
	logger := slog.New(slog.NewTextHandler(logs, nil))
	n, err := node.Open(ctx, dir, node.Options{Logger: logger})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	o := api.Options{Logger: logger, Token: newToken(), Version: version()}
	told, err := tell(ctx, client.InProcess(api.New(n, o), o.Token), dir)
	if err != nil {
		return fmt.Errorf("dev: %w", err)
	}
	if err := a.showStory(ctx, told); err != nil {
		return err
	}
	if once {
		a.ready()
		return nil
	}
	l, err := a.listenFirst(n, addresses, api.Options{Logger: logger})
	if err != nil {
		return err
	}
	a.ready()
	code, err := node.MakeFirstCode(dir, storyOrganization, told.keys[storyOwner], time.Now().UTC())
	if err != nil {
		return err
	}
	a.say("\nserving %s at %s; logs in %s", dir, l.URL, logs.Name())
	a.say("Look at it in a browser:\n  %s#%s", firstSignInAddress(l.URL, storyOrganization), code)
	a.say("The code behind # makes you %s, the owner: once, within 15 minutes. Choose a password there, to sign in with as %s from then on.", storyOwner, storyOwner)
	a.say("Try, in another terminal:\n  export PERMLEDGER_DATA=%s PERMLEDGER_ORG=%s", dir, storyOrganization)
	a.say("  permledger explain %s %s\n  permledger history role:%s\n  permledger grant %s to ben --reason \"your own\"\n  permledger verify", askedSubject, askedPermission, desk, watcher)
	a.say("Ctrl-C removes it. For a ledger that stays: permledger init DIR")
	return l.run(ctx)
}

func (a *app) ready() { a.say("\nready in %d ms", time.Since(a.p.Started).Milliseconds()) }

// listenFirst listens on the first address that is free.
func (a *app) listenFirst(n *node.Node, addresses []string, o api.Options) (l *listener, err error) {
	for _, at := range addresses {
		if l, err = a.listenOn(n, &listenFlags{address: at}, o, true); err == nil {
			return l, nil
		}
	}
	return nil, err
}

// showStory writes what was recorded and what follows from it.
func (a *app) showStory(ctx context.Context, t *telling) error {
	p := printer{w: a.p.Out}
	items, err := allHistory(ctx, t.session, wire.HistoryQuery{})
	if err != nil {
		return err
	}
	p.f("%s, a ledger of %s (profile %s)\n\n", storyName, count(len(items.Items), "event", "events"), storyProfile)
	p.table(storyRows(items.Items))
	p.f("\nrefused: %s, who signed it, wanted to create the role %s\n", t.refused.who, *t.refused.intent.Name)
	for line := range strings.Lines(problemText(t.problem) + "\n") {
		p.f("  %s", line)
	}
	p.f("\ntopic messages\n")
	for line, err := range t.session.Topic(ctx, storyOrganization, 0) {
		if err != nil {
			return err
		}
		p.f("%s\n", line)
	}
	p.f("\ncheck %s %s\n", askedSubject, askedPermission)
	now, err := t.session.Explain(ctx, storyOrganization, askedSubject, askedPermission, "", client.Read{})
	if err == nil {
		err = writeCheck(p.w, now)
	}
	if err != nil {
		return err
	}
	p.f("\nexplain %s %s\n", askedSubject, askedPermission)
	if err := writeExplain(p.w, now); err != nil {
		return err
	}
	p.f("\ncheck %s %s --as-of %d\n", askedSubject, askedPermission, t.held)
	then, err := t.session.Explain(ctx, storyOrganization, askedSubject, askedPermission, "", client.Read{AsOf: strconv.FormatUint(t.held, 10)})
	if err == nil {
		err = writeCheck(p.w, then)
	}
	if err == nil {
		err = writeExplain(p.w, then)
	}
	if err != nil {
		return err
	}
	p.f("\nverify\n")
	reports, err := verify.Directory(ctx, filepath.Join(a.data, "orgs", storyOrganization), verify.Options{})
	if p.err != nil {
		return p.err
	}
	return a.judged(reports, err)
}

func storyRows(items []wire.Item) table {
	rows := table{}
	rows.row("SEQ", "TIME", "WHO", "TYPE", "CID", "WHAT, AND WHY")
	for _, i := range items {
		rows.row(strconv.FormatUint(i.Seq, 10), strings.TrimSuffix(i.Time[strings.IndexByte(i.Time, 'T')+1:], "Z"), i.Actor, i.Type, short(i.CID), whatAndWhy(i))
	}
	return rows
}

func (p *printer) table(t table) {
	if p.err == nil {
		p.err = t.writeTo(p.w, "")
	}
}

// storyOpening opens the story's organization.
func storyOpening() wire.Opening {
	return wire.Opening{Organization: storyOrganization, Name: storyName, Profile: storyProfile, OwnerKey: storyOwner, OwnerKind: events.KindHuman}
}
