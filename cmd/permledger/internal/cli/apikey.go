package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/secret"
)

// secretShown is the answer of key create and of key rotate for an API key: the secret is shown this once.
type secretShown struct {
	*wire.Receipt
	Key    string `json:"key"`
	Secret string `json:"secret,omitempty"`
	File   string `json:"file,omitempty"`
	DID    string `json:"did"`
}

func (a *app) keyCreate() *cobra.Command {
	var roles []string
	var holder, name, expires string
	var out secretFlag
	c := a.writes(&cobra.Command{
		Use:   "create NAME",
		Short: "Make an API key: what programs call the API with; its secret is shown once",
		Long: `Make an API key: what programs call the API with, as Authorization: Bearer plk_…, or sign commands with, as
PERMLEDGER_KEY=plk_…. It is a subject with roles of its own: the organization's, or assigned to a member.

The secret is written once, to stdout or to --out, and kept nowhere: the ledger knows its public key alone. Whoever loses it
makes another with key rotate. With --expires it ends by itself: what comes with it then is refused, with when it ended.`,
		Example: `  permledger key create backend --role read-only
  permledger key create ci --role deployer --holder dora --out ci.key
  permledger key create audit --role read-only --expires 90d`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			ends, err := parseExpiry("--expires", expires, time.Now())
			if err != nil {
				return err
			}
			made, err := out.make(a)
			if err != nil {
				return err
			}
			in := wire.Intent{
				Kind: wire.AddSubject, Subject: args[0], SubjectKind: events.KindAPIKey, Auth: events.AuthAPIKey, Holder: holder, Roles: roles, SubjectKey: made.DID(),
			}
			var texts []wire.Text
			if name != "" {
				commitment, text := client.Commit(name)
				in.DisplayName, texts = commitment, append(texts, text)
			}
			return a.with(c.Context(), func(s *session) error {
				if ends == "" {
					return a.showing(c.Context(), s, made, out, args[0], in, texts...)
				}
				// Two commands: who it is, with nothing to prove it with, and a credential that ends.
				in.SubjectKey = ""
				keeps := a.made
				a.made = nil
				if _, err := a.attempt(c.Context(), s, in, texts...); err != nil || a.dryRun {
					return err
				}
				a.made = keeps
				register := wire.Intent{Kind: wire.RegisterKey, Purpose: events.PurposeCredential, Subject: args[0], Key: made.DID(), Until: ends}
				return a.showing(c.Context(), s, made, out, args[0], register)
			})
		},
	})
	c.Flags().StringArrayVar(&roles, "role", nil, "a `role` that the key has; may be said more than once where the profile allows it")
	c.Flags().StringVar(&holder, "holder", "", "the `key` of the member that it is assigned to; else it is the organization's")
	c.Flags().StringVar(&expires, "expires", "", "when it ends: after a `time`, as 90d or 12h, or at an instant, as 2027-01-31 or RFC 3339")
	c.Flags().StringVar(&name, "name", "", "a `name` for people to read")
	out.flag(c)
	_ = c.RegisterFlagCompletionFunc("holder", a.complete(subjects))
	return c
}

// parseExpiry reads when a key ends: so long from now, in days or as Go writes durations, or an instant as [parseEnd] reads it.
// It gives RFC 3339.
func parseExpiry(flag, text string, now time.Time) (string, error) {
	if text == "" {
		return "", nil
	}
	d, err := time.ParseDuration(text)
	if days, isDays := strings.CutSuffix(text, "d"); isDays {
		var n int
		n, err = strconv.Atoi(days)
		d = time.Duration(n) * 24 * time.Hour
	}
	if err == nil && d > 0 {
		return now.Add(d).UTC().Truncate(time.Millisecond).Format(time.RFC3339Nano), nil
	}
	end, err := parseEnd(text)
	if err != nil {
		return "", usage("%s %s: say for how long, as 90d or 12h, or until when, as 2027-01-31 or 2027-01-31T12:00:00Z", flag, text)
	}
	return end, nil
}

// secretFlag says where a new secret goes: to a file, or to stdout.
type secretFlag struct{ file string }

func (f *secretFlag) flag(c *cobra.Command) {
	c.Flags().StringVar(&f.file, "out", "", "write the secret to a new `file` that nobody else can read, instead of stdout")
}

// make makes an API key. One that goes to a file is kept before it is recorded, and removed where that is refused.
func (f *secretFlag) make(a *app) (secret.Secret, error) {
	made := secret.New(secret.APIKey)
	return made, f.keep(a, made.Text())
}

// keep has a secret kept in the file, where one is named, once it is known that it can be recorded.
func (f *secretFlag) keep(a *app, text string) error {
	if f.file == "" {
		return nil
	}
	if _, err := os.Lstat(f.file); err == nil {
		return usage("--out %s: the file is there already", f.file)
	}
	a.made = &madeKey{file: f.file, text: text}
	return nil
}

// showing records a change that takes a new API key in, and shows its secret.
func (a *app) showing(ctx context.Context, s *session, made secret.Secret, out secretFlag, name string, in wire.Intent, texts ...wire.Text) error {
	answer := secretShown{Key: name, DID: made.DID(), File: out.file}
	if out.file == "" {
		answer.Secret = made.Text()
	}
	r, err := a.attempt(ctx, s, in, texts...)
	switch {
	case errors.As(err, new(*client.UnknownError)) && out.file == "": // it may be recorded, and this is the only copy there is
		a.say("the secret of %s, if it is recorded: %s", name, made.Text())
		return err
	case err != nil || r == nil:
		return err
	}
	answer.Receipt = r
	return a.answer(answer, func(w io.Writer) error { return writeSecret(w, answer) })
}

func writeSecret(w io.Writer, s secretShown) error {
	p := printer{w: w}
	p.f("recorded at %d  %s  %s\n", s.Seq, s.CID, s.Type)
	if s.File != "" {
		p.f("The secret of %s is in %s, and nowhere else.\n", s.Key, s.File)
		return p.err
	}
	p.f("%s\n", s.Secret)
	p.f("This is the secret of %s. It is shown once, and kept nowhere.\n", s.Key)
	return p.err
}

// apiKey gives the credential of the API key of a name; empty where the name is that of a key itself.
func (a *app) apiKey(ctx context.Context, s *session, name string) (did string, err error) {
	if strings.HasPrefix(name, "did:") {
		return "", nil
	}
	list, err := s.Keys(ctx, s.org)
	if err != nil {
		return "", fmt.Errorf("find the API key %s: %w", name, err)
	}
	for _, k := range list.Items {
		if k.APIKey && k.Subject == name && k.Revoked == 0 {
			return k.DID, nil
		}
	}
	return "", exit(exitNotFound, "there is no API key %q that works; `permledger key ls` lists them", name)
}
