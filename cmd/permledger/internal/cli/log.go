package cli

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/oklog/ulid/v2"
	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/rules"
)

func (a *app) historyCommand() *cobra.Command {
	var more wire.HistoryQuery
	c := a.reads(&cobra.Command{
		Use:   "history [role:KEY|user:KEY|perm:NAME] [A..B]",
		Short: "List what was recorded: of a role, a user, a permission, or all",
		Args:  cobra.MaximumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			q, err := parseHistory(args)
			if err != nil {
				return err
			}
			q.AsOf, q.Actor, q.Type, q.Since, q.Before = a.asOf, more.Actor, more.Type, more.Since, more.Before
			q.About = more.About
			if name, ok := strings.CutPrefix(q.About, "user:"); ok { // as the other commands say it
				q.About = "subject:" + name
			}
			return a.with(c.Context(), func(s *session) error {
				list, err := allHistory(c.Context(), s, q)
				if err != nil {
					return fmt.Errorf("history: %w", err)
				}
				if a.format == asTable && slices.ContainsFunc(list.Items, func(i wire.Item) bool { return i.Occurred != "" }) {
					a.say("* when it occurred, as its source says; it was recorded later, which -o json shows")
				}
				return answerList(a, list, func(w io.Writer) error { return writeHistory(w, list.Items) })
			})
		},
	})
	f := c.Flags()
	f.StringVar(&more.Actor, "by", "", "what a user did, by `key`")
	f.StringVar(&more.Type, "type", "", "events of a `type`, as role.created")
	f.StringVar(&more.About, "about", "", "what is about a `thing` itself: role:KEY, user:KEY, resource:PATH or token:ID")
	f.StringVar(&more.Since, "since", "", "not before a `time` (RFC 3339)")
	f.StringVar(&more.Before, "before", "", "before a `time` (RFC 3339)")
	_ = c.RegisterFlagCompletionFunc("by", a.complete(subjects))
	return c
}

var positions = regexp.MustCompile(`^([0-9]*)\.\.([0-9]*)$`)

// parseHistory reads the arguments of history: what it is about and the range of positions, in any order.
func parseHistory(args []string) (wire.HistoryQuery, error) {
	var q wire.HistoryQuery
	for _, arg := range args {
		if m := positions.FindStringSubmatch(arg); m != nil {
			q.From, _ = strconv.ParseUint(m[1], 10, 53)
			q.To, _ = strconv.ParseUint(m[2], 10, 53)
			if q.To != 0 && q.To < q.From {
				return q, usage("history %s: the range ends before it begins", arg)
			}
			continue
		}
		kind, name, ok := strings.Cut(arg, ":")
		switch {
		case ok && kind == "role":
			q.Role = name
		case ok && kind == "user":
			q.Subject = name
		case ok && kind == "perm":
			q.Permission = name
		default:
			return q, usage("history %s: say role:KEY, user:KEY or perm:NAME, and a range of positions as 20..41, 20.. or ..41", arg)
		}
	}
	return q, nil
}

// allHistory reads every page.
func allHistory(ctx context.Context, s *session, q wire.HistoryQuery) (wire.List[wire.Item], error) {
	q.Limit = historyPage
	all, err := s.History(ctx, s.org, q)
	for err == nil && all.Next != "" {
		q.Cursor = all.Next
		var page wire.List[wire.Item]
		page, err = s.History(ctx, s.org, q)
		all.Items, all.Next = append(all.Items, page.Items...), page.Next
	}
	return all, err
}

const historyPage = 1000

func writeHistory(w io.Writer, items []wire.Item) error {
	t := table{}
	t.row("SEQ", "WHEN", "WHO", "TYPE", "WHAT, AND WHY")
	for _, i := range items {
		t.row(historyRow(i)...)
	}
	return t.writeTo(w, "")
}

func historyRow(i wire.Item) []string {
	at := when(i.Time)
	if i.Occurred != "" {
		at = when(i.Occurred) + "*"
	}
	return []string{strconv.FormatUint(i.Seq, 10), at, i.Actor, i.Type, whatAndWhy(i)}
}

func whatAndWhy(i wire.Item) string {
	if i.Reason == "" {
		return whatText(i.What)
	}
	return fmt.Sprintf("%s  %q", whatText(i.What), i.Reason)
}

// whatText says in one line what an event did; -o json has all of it.
func whatText(lines []string) string {
	const most = 4
	if len(lines) > most {
		return fmt.Sprintf("%s; and %d more", strings.Join(lines[:most], "; "), len(lines)-most)
	}
	return strings.Join(lines, "; ")
}

func (a *app) showCommand() *cobra.Command {
	var raw, dsse bool
	c := a.answers(&cobra.Command{
		Use:   "show POSITION|CID|head~N|COMMAND",
		Short: "Show one entry: what it says, its links and signatures; COMMAND is the id of a command",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), func(s *session) error {
				en, parsed, err := entryOf(c.Context(), s, args[0])
				switch {
				case err != nil:
					return fmt.Errorf("show %s: %w", args[0], err)
				case raw:
					return a.write(en.Entry)
				case dsse:
					return a.envelope(parsed)
				}
				return a.answer(en, func(w io.Writer) error { return writeEntry(w, en, parsed) })
			})
		},
	})
	c.Flags().BoolVar(&raw, "raw", false, "write the exact bytes, which the CID addresses, and nothing else")
	c.Flags().BoolVar(&dsse, "dsse", false, "write the event as a DSSE envelope")
	c.MarkFlagsMutuallyExclusive("raw", "dsse")
	return c
}

// entryOf reads an entry and holds its bytes against the CID that was asked for, or that the server says it has.
func entryOf(ctx context.Context, s *session, ref string) (wire.Entry, *chain.Entry, error) {
	ref = strings.TrimPrefix(ref, "cid:")
	if strings.HasPrefix(ref, "head") {
		o, err := s.Organization(ctx, s.org, client.Read{AsOf: ref})
		if err != nil {
			return wire.Entry{}, nil, err
		}
		ref = o.AsOf.CID
	}
	find := s.Entry
	if _, no := ulid.ParseStrict(ref); no == nil {
		find = s.Recorded
	}
	en, err := find(ctx, s.org, ref)
	if err != nil {
		return en, nil, err
	}
	want := en.CID
	if canon.CID.Check(ref) == nil {
		want = ref
	}
	if have := chain.CID(en.Entry); have != want {
		return en, nil, exit(exitIntegrity, "the entry's bytes have the CID %s, not %s", have, want)
	}
	parsed, err := chain.Parse(en.Entry)
	if err != nil {
		return en, nil, exit(exitIntegrity, "%w", err)
	}
	return en, parsed, nil
}

// envelope writes the DSSE envelope of an event, as the specification has it: base64 with padding.
func (a *app) envelope(en *chain.Entry) error {
	type signature struct {
		KeyID string `json:"keyid"`
		Sig   string `json:"sig"`
	}
	b, err := encodeJSON(struct {
		Payload     string      `json:"payload"`
		PayloadType string      `json:"payloadType"`
		Signatures  []signature `json:"signatures"`
	}{
		base64.StdEncoding.EncodeToString(en.EventBytes()), chain.EventType,
		[]signature{{en.Key, base64.StdEncoding.EncodeToString(en.Signature[:])}},
	}, true)
	if err != nil {
		return err
	}
	return a.write(b)
}

func writeEntry(w io.Writer, en wire.Entry, parsed *chain.Entry) error {
	e := parsed.Event
	t := table{}
	t.row("position", strconv.FormatUint(en.Seq, 10))
	t.row("cid", en.CID)
	t.row("prev", e.Prev)
	t.row("type", string(e.Data.Type()))
	t.row("about", e.Data.About())
	t.row("time", e.Time.UTC().Format(canon.TimeLayout))
	t.row("command", e.ID.String())
	t.row("actor", fmt.Sprintf("%s  %s", en.Actor, e.Actor))
	t.row("proven by", fmt.Sprintf("%s  %s", e.Auth.Method, e.Auth.Credential))
	t.row("signed by", parsed.Key)
	if parsed.Document != nil {
		t.row("document", parsed.Document.CID)
	}
	if en.Reason != "" {
		t.row("reason", en.Reason)
	}
	t.row("subject", en.Subject)
	t.row("bytes", strconv.Itoa(len(en.Entry)))
	if err := t.writeTo(w, ""); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%s\n", parsed.EventBytes())
	return err
}

func (a *app) catCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "cat CID|POSITION|head~N",
		Short: "Write the exact bytes of an entry or a document",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			cid := strings.TrimPrefix(args[0], "cid:")
			return a.with(c.Context(), func(s *session) error {
				if canon.CID.Check(cid) != nil { // documents have no other name
					en, _, err := entryOf(c.Context(), s, cid)
					if err != nil {
						return fmt.Errorf("cat %s: %w", cid, err)
					}
					return a.write(en.Entry)
				}
				b, err := bytesOf(c.Context(), s, cid)
				if err != nil {
					return fmt.Errorf("cat %s: %w", cid, err)
				}
				if have := chain.CID(b); have != cid {
					return exit(exitIntegrity, "cat %s: the bytes have the CID %s", cid, have)
				}
				return a.write(b)
			})
		},
	}
}

func bytesOf(ctx context.Context, s *session, cid string) ([]byte, error) {
	doc, err := s.Document(ctx, s.org, cid)
	if client.CodeOf(err) != string(rules.NotFound) {
		return doc, err
	}
	en, err := s.Entry(ctx, s.org, cid)
	return en.Entry, err
}

func (a *app) watchCommand() *cobra.Command {
	var from uint64
	c := a.answers(&cobra.Command{
		Use:   "watch",
		Short: "Write what is recorded, as it is recorded, until it is told to stop",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(s *session) error {
				for item, err := range s.Watch(c.Context(), s.org, from) {
					if errors.Is(err, context.Canceled) {
						return nil // told to stop
					}
					if err != nil {
						return fmt.Errorf("watch: %w", err)
					}
					if err := a.watched(item); err != nil {
						return err
					}
				}
				return nil
			})
		},
	})
	c.Flags().Uint64Var(&from, "from", 0, "the `position` to begin at; else what comes next")
	return c
}

func (a *app) watched(i wire.Item) error {
	if a.format == asTable {
		return a.write([]byte(strings.TrimRight(strings.Join(historyRow(i), gap), " ") + "\n"))
	}
	b, err := encodeJSON(i, false)
	if err != nil {
		return err
	}
	return a.write(b)
}
