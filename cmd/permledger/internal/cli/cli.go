// Package cli is the command line of permledger: flags, wiring, printing and exit codes, and nothing that another
// program could want. Every command that asks or changes something speaks HTTP to a server, through package client: to
// the one that runs on the data directory, else to a handler of this process on the directory it opens itself.
//
// Answers go to stdout, one for each call; everything else goes to stderr. There is no colour: what a line says stands
// in its words and in ✓ ✗ + −. The exit codes are in `permledger help exit-codes`.
package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// A Process is what the program was started with.
type Process struct {
	Args    []string
	In      io.Reader
	Out     io.Writer // answers
	Err     io.Writer // everything else
	Env     func(string) string
	Environ []string // all variables, as NAME=value; only looked at for misspelt ones
	Started time.Time
}

// Run does what the arguments say and gives the exit code. It ends early, in good order, when ctx does.
func Run(ctx context.Context, p Process) int {
	cmd, a := build(p)
	cmd.SetArgs(p.Args)
	of, err := cmd.ExecuteContextC(ctx)
	a.signer.close()
	if err == nil {
		return exitDone
	}
	if !a.ran { // cobra refused the arguments
		err = refused(of, err)
	}
	code := codeOf(ctx, err)
	if coded := (*exitError)(nil); errors.As(err, &coded) && coded.err == nil || errors.Is(err, syscall.EPIPE) {
		return code
	}
	fmt.Fprintln(p.Err, "permledger: "+explainError(err))
	return code
}

// New gives the command with all commands below it.
func New(p Process) *cobra.Command {
	cmd, _ := build(p)
	return cmd
}

// app is what the commands share: the streams, and the flags that mean the same everywhere.
type app struct {
	p   Process
	ran bool // the arguments were in order

	data      string
	org       string
	minFree   string
	trust     string
	maxAge    string
	server    string
	tokenFile string
	ca        string // file of the certificates that a server's has to descend from
	nats      natsFlags
	ops       opsFlags
	config    string // file
	signer    signerFlag

	format string // of answers
	asOf   string
	key    string
	signs  string // the purpose of key, where it is no credential
	reason string
	dryRun bool
	seen   uint64 // changes go by this position; 0: by none
	stands string // how strongly a change must stand before the command ends
	wallet walletFlags

	made  *madeKey      // by this command; nil: none
	lines *bufio.Reader // of stdin, once a password was read from it
}

func build(p Process) (*cobra.Command, *app) {
	a := &app{p: p}
	root := &cobra.Command{
		Use:   "permledger",
		Short: "A ledger of who may do what",
		Long: `permledger records who may do what, as a ledger: each change of a role, a grant or a key is a signed,
content-addressed event. What anybody may do, now or at any earlier moment, is computed from these events.

To look at it:            permledger dev
For a ledger that stays:  permledger init DIR, then permledger serve --data DIR`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.CompletionOptions.HiddenDefaultCmd = false
	root.SetIn(p.In)
	root.SetOut(p.Out)
	root.SetErr(p.Err)
	flags := root.PersistentFlags()
	flags.StringVar(&a.data, "data", p.Env("PERMLEDGER_DATA"), "the data `directory` (PERMLEDGER_DATA)")
	flags.StringVar(&a.org, "org", p.Env("PERMLEDGER_ORG"), "the `organization`; not needed where there is one (PERMLEDGER_ORG)")
	flags.StringVar(&a.server, "server", p.Env("PERMLEDGER_SERVER"), "the `URL` of a server, instead of the one on --data (PERMLEDGER_SERVER)")
	flags.StringVar(&a.minFree, "min-free", p.Env("PERMLEDGER_MIN_FREE"), "how many `bytes` are kept free on the disk: commands wait below, default 67108864, 0 for none (PERMLEDGER_MIN_FREE)")
	flags.StringVar(&a.tokenFile, "token-file", "", "a `file` with the server's token (or PERMLEDGER_TOKEN holds the token itself)")
	flags.StringVar(&a.ca, "ca", p.Env("PERMLEDGER_CA"), "a `file` of certificates (PEM) that the certificate of --server must descend from (PERMLEDGER_CA)")
	flags.StringVar(&a.signer.command, "signer", p.Env("PERMLEDGER_SIGNER"), "the `command` of a program that makes and holds private keys, instead of files: docs/keys.md (PERMLEDGER_SIGNER)")
	flags.StringVar(&a.trust, "trust", p.Env("PERMLEDGER_TRUST"), "a `file` with the policy that checkpoints have to meet: which witnesses cosign them (PERMLEDGER_TRUST)")
	flags.StringVar(&a.maxAge, "max-age", p.Env("PERMLEDGER_MAX_AGE"), "how long ago those witnesses may have vouched, as 24h: a `duration` (PERMLEDGER_MAX_AGE)")
	root.AddGroup(
		&cobra.Group{ID: "run", Title: "Run a ledger:"},
		&cobra.Group{ID: "ask", Title: "Ask:"},
		&cobra.Group{ID: "change", Title: "Change:"},
		&cobra.Group{ID: "log", Title: "Read and check the log:"},
	)
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("run",
		a.devCommand(),
		a.initCommand(),
		a.joinCommand(),
		a.serveCommand(),
		a.configCommand(),
		a.readyCommand(),
		a.witnessCommand(),
		a.orgCommand(),
		a.doctorCommand(),
		a.repairCommand(),
		a.backupCommand(),
		a.restoreCommand(),
		a.loginCommand(),
		a.logoutCommand(),
		a.passwdCommand(),
		a.sessionCommand(),
		a.whoamiCommand(),
	)
	add("ask",
		a.checkCommand(),
		a.explainCommand(),
		a.whoCanCommand(),
		a.delegableCommand(),
		a.accessCommand(),
		a.diffCommand(),
		a.blameCommand(),
		a.simulateCommand(),
		a.reportCommand(),
	)
	add("change",
		a.permCommand(),
		a.roleCommand(),
		a.userCommand(),
		a.inviteCommand(),
		a.acceptCommand(),
		a.tokenCommand(),
		a.investorCommand(),
		a.keyCommand(),
		a.readerCommand(),
		a.grantCommand(),
		a.delegateCommand(),
		a.resourceCommand(),
		a.revokeCommand(),
		a.setCommand(),
		a.documentCommand(),
		a.importCommand(),
		a.assignmentsCommand(),
		a.applyCommand(),
		a.dumpCommand(),
		a.exportCommand(),
		a.reviewCommand(),
		a.walletCommand(),
		a.submitCommand(),
	)
	add("log",
		a.historyCommand(),
		a.activityCommand(),
		a.showCommand(),
		a.proveCommand(),
		a.catCommand(),
		a.topicCommand(),
		a.policyCommand(),
		a.watchCommand(),
		a.changesCommand(),
		a.webhookCommand(),
		a.pinCommand(),
		a.verifyCommand(),
	)
	root.AddCommand(a.versionCommand())
	root.AddCommand(topics()...)
	strict(root)
	a.notice(root)
	return root, a
}

// refused says of arguments that cobra refused how the command is called.
func refused(of *cobra.Command, err error) error {
	if of.Runnable() && of.HasParent() {
		if strings.Contains(err.Error(), " arg(s), ") {
			return usage("say it as: %s", of.UseLine())
		}
		return usage("%w\nTry: %s --help", err, of.CommandPath())
	}
	return usage("%w\nTry: permledger help", err)
}

// strict makes errors of what cobra lets pass: help on what is not there, completion for a shell that it does not know.
func strict(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "help":
			c.RunE = func(_ *cobra.Command, args []string) error {
				of, rest, err := root.Find(args)
				if err != nil || of == nil || len(rest) > 0 {
					return usage("there is no help on %q; try `permledger help`", strings.Join(args, " "))
				}
				of.InitDefaultHelpFlag()
				return of.Help()
			}
		case "completion":
			c.Args, c.RunE = cobra.ArbitraryArgs, func(c *cobra.Command, args []string) error {
				if len(args) > 0 {
					return usage("completion %s: the shells are bash, fish, powershell and zsh", args[0])
				}
				return c.Help()
			}
		}
	}
}

// notice sees to it that a command notes that it has begun: what cobra refuses before that is wrong usage.
func (a *app) notice(c *cobra.Command) {
	if do := c.RunE; do != nil {
		c.RunE = func(c *cobra.Command, args []string) error {
			a.ran = true
			return do(c, args)
		}
	}
	for _, below := range c.Commands() {
		a.notice(below)
	}
}

// say writes a line to stderr.
func (a *app) say(format string, args ...any) { fmt.Fprintf(a.p.Err, format+"\n", args...) }

// group gives a command that is nothing but the commands below it.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("%s: there is no command %q; try `%s --help`", use, args[0], c.CommandPath())
			}
			return c.Help()
		},
	}
	c.AddCommand(commands...)
	return c
}
