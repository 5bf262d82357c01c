package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/login"
	"github.com/permledger/permledger/ledger/secret"
)

// invited is the answer of invite. The code is in it, and nowhere else.
type invited struct {
	wire.Receipt
	Code  string `json:"code"`
	Link  string `json:"link,omitempty"` // empty where no server is known that the code could be taken to
	Until string `json:"until"`
}

func (a *app) inviteCommand() *cobra.Command {
	var p aboutFlags
	var until string
	c := a.writes(&cobra.Command{
		Use:   "invite KEY",
		Short: "Invite a person, or a service: it joins with a code that works once",
		Long: `Invite a person, or a service, under a key of your own, and print a code. Whoever has the code joins with
` + "`permledger accept CODE`" + `, once and before the invitation ends, and signs with a key of its own from then on. It holds
its roles from the invitation on, and can do nothing before it has joined.

The code is shown once and kept nowhere: the log holds the public half of its key. Inviting the same key again replaces it,
` + "`permledger user remove KEY`" + ` withdraws it. Who was removed can be invited again.`,
		Example: `  permledger invite ben --name "Ben Okafor" --email ben@acme.example --role auditor`,
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			ends, err := parseEnd(until)
			if err != nil {
				return err
			}
			code := secret.New(secret.Invitation)
			in := wire.Intent{Kind: wire.InviteSubject, Subject: args[0], Invitation: code.DID(), Until: ends}
			texts, err := p.put(c, &in)
			if err != nil {
				return err
			}
			return a.with(c.Context(), func(s *session) error {
				r, err := a.attempt(c.Context(), s, in, texts...)
				if err != nil || r == nil {
					return err
				}
				invitation, err := s.Invitation(c.Context(), s.org, code)
				if err != nil {
					return fmt.Errorf("invite %s: it is recorded at %d, but does not work: %w", args[0], r.Seq, err)
				}
				answer := invited{Receipt: *r, Code: code.Text(), Until: invitation.Until}
				if s.url != "" {
					answer.Link = strings.TrimSuffix(s.url, "/") + "/v1/orgs/" + s.org + "/join#" + code.Text()
				}
				return a.answer(answer, func(w io.Writer) error { return writeInvited(w, answer, s.org, args[0]) })
			})
		},
	})
	p.flags(a, c)
	c.Flags().StringVar(&p.kind, "kind", events.KindHuman, "human, technical or did")
	c.Flags().StringVar(&until, "until", "", "the `instant` from which the code works no more: a day (its end, UTC), or RFC 3339; else in seven days")
	return c
}

func writeInvited(w io.Writer, i invited, org, key string) error {
	p := printer{w: w}
	p.f("recorded at %d  %s  %s\n\n", i.Seq, i.CID, i.Type)
	p.f("%s can join until %s, once, with\n", key, i.Until)
	if i.Link != "" {
		p.f("  permledger accept '%s'\n\n", i.Link)
	} else {
		p.f("  permledger accept %s --org %s\n\n", i.Code, org)
	}
	p.f("This is shown once. Give it to nobody else: whoever has it joins as %s.\n", key)
	return p.err
}

// joined is the answer of accept.
type joined struct {
	wire.Receipt
	Organization string `json:"organization"`
	Subject      string `json:"subject"`
	Key          string `json:"key"` // file
}

func (a *app) acceptCommand() *cobra.Command {
	var file, passwordFile string
	var ask bool
	c := a.answers(&cobra.Command{
		Use:   "accept LINK|CODE",
		Short: "Accept an invitation: join an organization, with a key of your own",
		Long: `Accept an invitation. A key is made and kept in a file; it signs your commands from then on. The code itself signs that
you join and is not sent anywhere. It works once.

With --password or --password-file the same key is also kept at the server, wrapped with a password of your choice, and you
can sign in with ` + "`permledger login`" + `: with your e-mail address, where the invitation has it, or with your key.

A link says which server and organization it is for; with a code alone say --server and --org, or --data.`,
		Example: `  permledger accept 'https://ledger.example/v1/orgs/main/join#pli_…' --new-key ben.key
  permledger accept 'https://ledger.example/v1/orgs/main/join#pli_…' --new-key ben.key --password`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			text := args[0]
			if link, code, ok := strings.Cut(text, "#"); ok {
				u, err := url.Parse(link)
				org, found := "", false
				if err == nil {
					path := strings.TrimSuffix(u.Path, "/join")
					if org, found = strings.CutPrefix(path, "/v1/orgs/"); !found { // else of the console
						org, found = strings.CutPrefix(path, "/console/")
					}
				}
				if !found || u.Host == "" || org == "" || strings.Contains(org, "/") {
					return usage("accept: the link is not one that `permledger invite` gives")
				}
				a.server, a.org, text = u.Scheme+"://"+u.Host, org, code
			}
			code, err := secret.Parse(secret.Invitation, text)
			if err != nil {
				return usage("accept: %w", err)
			}
			if file == "" {
				file = "permledger.key"
			}
			if _, err := a.makeKey(file); err != nil {
				return fmt.Errorf("accept: %w", err)
			}
			var wrapped *wire.Text
			if ask || passwordFile != "" {
				if wrapped, err = a.newLogin(passwordFile); err != nil {
					return fmt.Errorf("accept: %w", err)
				}
			}
			return a.guest(c.Context(), func(s *session) error { return a.accept(c.Context(), s, code, wrapped) })
		},
	})
	c.Flags().StringVar(&file, "new-key", "", "the `file` for the key that is made; else permledger.key")
	c.Flags().BoolVar(&ask, "password", false, "give yourself a password too: it is asked for, or read from stdin where that is no terminal")
	c.Flags().StringVar(&passwordFile, "password-file", "", "give yourself the password on the first line of a `file`")
	return c
}

// newLogin asks for a first password, and wraps the key that was made with it.
func (a *app) newLogin(file string) (*wire.Text, error) {
	password, err := a.password("New password: ", file)
	if err != nil {
		return nil, err
	}
	if err := login.CheckPassword(password); err != nil {
		return nil, usage("%w", err)
	}
	wrapped, err := login.Wrap(a.made.key, password)
	if err != nil {
		return nil, err
	}
	_, text := client.Commit(wrapped)
	return &text, nil
}

// maybeJoinedError says that the outcome of an accept is not known. The new key is kept: it may be all that signs for the member.
type maybeJoinedError struct {
	file string // of the key
	error
}

func (e *maybeJoinedError) Unwrap() error { return e.error }

// accept joins with a code; wrapped is the new key as a password wraps it, nil for none.
func (a *app) accept(ctx context.Context, s *session, code secret.Secret, wrapped *wire.Text) error {
	in, err := s.Invitation(ctx, s.org, code)
	if err != nil {
		return fmt.Errorf("accept: %w", err)
	}
	if err := a.made.keep(); err != nil {
		return fmt.Errorf("accept: keep the new key: %w", err)
	}
	r, err := s.Accept(ctx, s.org, in, code, a.made.key, wrapped)
	switch {
	case errors.As(err, new(*client.UnknownError)):
		err = &maybeJoinedError{a.made.file, err}
	case err != nil:
		err = errors.Join(err, a.made.drop())
	}
	if err != nil {
		return fmt.Errorf("accept: %w", err)
	}
	answer := joined{Receipt: r, Organization: in.Organization, Subject: in.Subject, Key: a.made.file}
	return a.answer(answer, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "recorded at %d  %s  %s\n\nYou are %s in %s. %s signs your commands: keep it elsewhere too.\n",
			r.Seq, r.CID, r.Type, in.Subject, in.Name, a.made.file)
		return err
	})
}

// guest runs a command for somebody who is nobody yet: a server needs no token for it.
func (a *app) guest(ctx context.Context, do func(*session) error) error {
	if a.server == "" {
		return a.with(ctx, do)
	}
	if a.org == "" {
		return usage("accept: which organization? Say --org, or give the link")
	}
	wait, err := a.wait()
	if err != nil {
		return err
	}
	token := ""
	if given, err := a.token(); err == nil {
		token = given
	} else if !errors.Is(err, os.ErrNotExist) && a.tokenFile != "" {
		return err
	}
	s, err := a.remote(a.server, token)
	if err != nil {
		return err
	}
	s.Client, s.org = s.Within(wait), a.org
	return errors.Join(s.why(ctx, do(s)), s.close())
}

// aboutFlags are what is said of a subject.
type aboutFlags struct {
	kind, name, email, auth, reference string
	roles, properties                  []string
}

func (p *aboutFlags) flags(a *app, c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&p.name, "name", "", "the `name` for people to read")
	f.StringVar(&p.email, "email", "", "the e-mail `address`")
	f.StringVar(&p.auth, "auth", "", "how it proves itself: email, api-key, signature or wallet; else in any way")
	f.StringVar(&p.reference, "reference", "", "its `name` in another system")
	f.StringArrayVar(&p.properties, "property", nil, "`name=value`, which conditions may ask for; several times for several")
	f.StringArrayVar(&p.roles, "role", nil, "the `key` of a role that it begins with; several times for several")
	_ = c.RegisterFlagCompletionFunc("role", a.complete(roles))
}

// put says them in an intent, and gives the private texts.
func (p *aboutFlags) put(c *cobra.Command, in *wire.Intent) ([]wire.Text, error) {
	var texts []wire.Text
	private := func(member *string, text string) {
		if text != "" {
			commitment, t := client.Commit(text)
			*member, texts = commitment, append(texts, t)
		}
	}
	private(&in.DisplayName, p.name)
	private(&in.Email, p.email)
	in.SubjectKind, in.Auth, in.Roles = p.kind, p.auth, p.roles
	if c.Flags().Changed("reference") {
		in.Reference = &p.reference
	}
	for _, text := range p.properties {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return nil, usage("--property %s: say it as name=value", text)
		}
		if in.Properties == nil {
			in.Properties = map[string]string{}
		}
		in.Properties[name] = value
	}
	return texts, nil
}
