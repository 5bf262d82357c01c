package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/node"
)

// examined is the answer of doctor.
type examined struct {
	OK       bool           `json:"ok"`
	Findings []node.Finding `json:"findings"`
}

func (a *app) doctorCommand() *cobra.Command {
	return a.answers(&cobra.Command{
		Use:   "doctor [DIR|URL]",
		Short: "Say what is in order with a data directory or a server, and what to do about the rest",
		Long: `Look at a data directory: its format, who has it open, owners and modes, free space, the file system, what a sync
takes, the clock; and of each ledger its first event, head record, journal, stream and what was set aside. A line for
each: ok, warn, fail, or damage. Nothing is changed. Where a server has the directory open it is asked too; of a URL only
the server is asked. Every event is not verified: that is for ` + "`permledger verify`" + `.

It ends with 0 where nothing fails (warnings are for people), 1 where something does, commands that have to wait now included, 3 where a server has stopped
writing or does not answer, and 7 where a copy of a ledger is damaged. docs/durability.md explains each line.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			target, err := a.target(args, "doctor of what?")
			if err != nil {
				return err
			}
			findings, stopped, err := a.examine(c.Context(), target)
			if err != nil {
				return err
			}
			x := examined{Findings: findings}
			code := worst(findings, stopped)
			x.OK = code == exitDone
			if err := a.answer(x, func(w io.Writer) error { return writeExamined(w, findings) }); err != nil {
				return err
			}
			if !x.OK {
				return &exitError{code: code}
			}
			return nil
		},
	})
}

// examine looks at a directory or a server, and says too whether a server has stopped writing or does not answer.
func (a *app) examine(ctx context.Context, target string) (findings []node.Finding, stopped bool, err error) {
	wait, err := a.wait()
	if err != nil {
		return nil, false, err
	}
	wait = min(wait, doctorWait)
	if strings.HasPrefix(target, "http://") || strings.HasPrefix(target, "https://") {
		token, err := a.token()
		if err != nil {
			return nil, false, err
		}
		s, err := a.remote(target, token)
		if err != nil {
			return nil, false, err
		}
		return asked(ctx, s.Within(wait))
	}
	o, err := a.nodeOptions()
	if err != nil {
		return nil, false, err
	}
	if findings, err = node.Examine(ctx, target, o.MinFree); err != nil {
		return nil, false, err
	}
	if s, err := running(target); err == nil && s != nil {
		more, down, err := asked(ctx, s.Within(wait))
		if stopped = down || err != nil; err != nil {
			more = []node.Finding{{Check: checkServer, Level: node.FindingFail, Text: err.Error(), Do: "look at its log"}}
		}
		findings = append(findings, more...)
	}
	return findings, stopped, nil
}

const checkServer = "server"

// doctorWait bounds each question of doctor to a server.
const doctorWait = 5 * time.Second

// asked asks a server what only it knows: whether its ledgers still write, and whether they do now. stopped: one does not
// before a start.
func asked(ctx context.Context, c *client.Client) (findings []node.Finding, stopped bool, err error) {
	health, err := c.Health(ctx)
	if err != nil {
		return nil, false, err
	}
	for _, o := range health.Organizations {
		f := node.Finding{Check: checkServer, Organization: o.ID, Level: node.FindingOK, Text: fmt.Sprintf("writes, at %d", o.Position)}
		switch {
		case o.Waits:
			f.Level, f.Text = node.FindingFail, "takes no commands now: "+o.Error
			f.Do = cmp.Or(o.Do, "put right what it says; commands are recorded again without a start")
		case !o.Writing:
			stopped = true
			f.Level, f.Text, f.Do = node.FindingFail, "takes no more commands: "+o.Error, "stop the server, run `permledger doctor` on the directory, and start it again"
		}
		findings = append(findings, f)
		if o.Unsigned {
			findings = append(findings, node.Finding{Check: checkServer, Organization: o.ID, Level: node.FindingFail, Text: "can sign or keep no checkpoint now; commands are recorded all the same",
				Do: "its log says why: space below orgs/" + o.ID + "/log, or the signer program. Until then commands end with STALE, unless PERMLEDGER_PINS=" + pinsOff})
		}
		if n := o.Witnesses; n != nil { // who they are is told only to who may read the organization
			one, err := c.Organization(ctx, o.ID, client.Read{})
			if err != nil {
				findings = append(findings, countFinding(o.ID, *n))
			}
			for _, w := range one.Witnesses {
				findings = append(findings, witnessFinding(o.ID, w))
			}
		}
	}
	if len(findings) == 0 {
		level := node.FindingOK
		if health.Status != wire.HealthOK {
			level, stopped = node.FindingFail, true
		}
		findings = append(findings, node.Finding{Check: checkServer, Level: level, Text: health.Status})
	}
	return findings, stopped, nil
}

// worst gives the exit code of all findings together.
func worst(findings []node.Finding, stopped bool) int {
	code := exitDone
	for _, f := range findings {
		switch {
		case f.Level == node.FindingDamage:
			return exitIntegrity
		case f.Level == node.FindingFail && stopped:
			code = exitUnreached
		case f.Level == node.FindingFail && code == exitDone:
			code = exitNo
		}
	}
	return code
}

func writeExamined(w io.Writer, findings []node.Finding) error {
	p := printer{w: w}
	for _, f := range findings {
		name := f.Check
		if f.Organization != "" {
			name = f.Organization + " " + f.Check
		}
		p.f("%-6s  %s: %s\n", f.Level, name, f.Text)
		if f.Do != "" {
			p.f("        → %s\n", f.Do)
		}
	}
	return p.err
}
