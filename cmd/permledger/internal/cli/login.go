package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
)

func (a *app) loginCommand() *cobra.Command {
	var file, code string
	c := a.answers(&cobra.Command{
		Use:   "login [EMAIL|KEY]",
		Short: "Sign in with a password: what follows is done in your name, until `permledger logout`",
		Long: `Sign in with a password, at a server that runs. What follows is done in your name: the server signs it with the key
that the password opens, for 12 hours at most. The session's token is kept in a file of your own
(PERMLEDGER_SESSIONS, else ~/.config/permledger/sessions.json).

The password is asked for, or read from a file, or from stdin where that is no terminal. With --code the owner signs in with
the code that init showed, and the password is the one that it is to have from now on.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if (len(args) == 1) == (code != "") {
				return usage("sign in as whom? Say your e-mail address or key, or --code CODE with the code that init showed")
			}
			return a.atServer(c.Context(), "sign in", func(s *session) error {
				prompt := "Password: "
				if code != "" {
					prompt = "New password: "
				}
				password, err := a.password(prompt, file)
				if err != nil {
					return err
				}
				var got wire.SignedIn
				switch {
				case code != "":
					got, err = s.As("").FirstSignIn(c.Context(), s.org, wire.FirstSignIn{Code: code, Password: password})
				case strings.Contains(args[0], "@"):
					got, err = s.As("").SignIn(c.Context(), s.org, wire.SignIn{Email: args[0], Password: password})
				default:
					got, err = s.As("").SignIn(c.Context(), s.org, wire.SignIn{Key: args[0], Password: password})
				}
				if err != nil {
					return fmt.Errorf("sign in: %w", err)
				}
				mine := signedIn{Server: strings.TrimSuffix(s.url, "/"), Org: s.org, Subject: got.Subject, Token: got.Token, Expires: got.Expires}
				err = a.keepSessions(func(all []signedIn) []signedIn {
					return append(slices.DeleteFunc(all, func(o signedIn) bool { return o.of(mine.Server, mine.Org) }), mine)
				})
				if err != nil {
					return err
				}
				got.Token = "" // kept, and not shown
				return a.answer(got, func(w io.Writer) error {
					_, err := fmt.Fprintf(w, "signed in as %s until %s\n", got.Subject, when(got.Expires))
					return err
				})
			})
		},
	})
	c.Flags().StringVar(&code, "code", "", "the one-time `code` that init showed: sign in as the owner, and set a password")
	c.Flags().StringVar(&file, "password-file", "", "read the password from the first line of a `file`")
	return c
}

func (a *app) logoutCommand() *cobra.Command {
	return a.answers(&cobra.Command{
		Use:   "logout",
		Short: "Sign out",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.atServer(c.Context(), "sign out", func(s *session) error {
				all, err := a.readSessions()
				if err != nil {
					return err
				}
				at := slices.IndexFunc(all, func(o signedIn) bool { return o.of(s.url, s.org) })
				if at < 0 {
					return exit(exitConflict, "nobody is signed in at %s", s.url)
				}
				out, err := s.As(all[at].Token).SignOut(c.Context(), s.org)
				if code := client.CodeOf(err); err != nil && code != wire.CodeUnauthenticated { // else it has ended already
					return fmt.Errorf("sign out: %w", err)
				}
				out.Subject = cmp.Or(out.Subject, all[at].Subject)
				err = a.keepSessions(func(all []signedIn) []signedIn {
					return slices.DeleteFunc(all, func(o signedIn) bool { return o.of(s.url, s.org) })
				})
				if err != nil {
					return err
				}
				return a.answer(out, func(w io.Writer) error {
					_, err := fmt.Fprintf(w, "%s is signed out\n", out.Subject)
					return err
				})
			})
		},
	})
}

// atServer runs a command that is about a session, which lives in a server that runs. Where the organization is not named,
// and cannot be asked for by somebody who is nobody yet, it has to be.
func (a *app) atServer(ctx context.Context, what string, do func(*session) error) error {
	return a.withServer(ctx, func(s *session) error {
		if s.url == "" {
			return exit(exitUnreached, "%s: sessions live in a server, and none runs on %s: start one with `permledger serve --data %s`", what, a.data, a.data)
		}
		var err error
		if s.org, err = a.organization(ctx, s.Client); err != nil {
			if client.CodeOf(err) == wire.CodeUnauthenticated {
				return usage("%s: at which organization? Say --org ID", what)
			}
			return err
		}
		return do(s)
	})
}

func (a *app) passwdCommand() *cobra.Command {
	var current, next string
	c := a.answers(&cobra.Command{
		Use:   "passwd",
		Short: "Give yourself a password, or another",
		Long: `Give yourself a password, or another: in your session, or with your API key. It opens the key that you sign with, and
has at least 15 characters. Whoever is signed in as you elsewhere is signed out. A first password is chosen with
` + "`permledger accept --password`" + `, when the invitation is accepted.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(s *session) error {
				me := s.Client
				if key := a.keyNamed(); isAPIKey(key) {
					me = s.As(key)
				}
				who, err := me.Whoami(c.Context(), s.org)
				if err != nil {
					return fmt.Errorf("passwd: %w", err)
				}
				if who.Subject == "" {
					return exit(exitDenied, "passwd: whose? Sign in with `permledger login`, or set PERMLEDGER_KEY to your API key; "+
						"a first password is chosen with `permledger accept --password`")
				}
				in := wire.PutLogin{Reason: a.reason}
				if who.Kind == "session" {
					if in.Password, err = a.password("Password: ", current); err != nil {
						return err
					}
				}
				if in.New, err = a.password("New password: ", next); err != nil {
					return err
				}
				r, err := me.PutLogin(c.Context(), s.org, in)
				if err != nil {
					return fmt.Errorf("passwd: %w", err)
				}
				return a.receipt(r)
			})
		},
	})
	c.Flags().StringVar(&current, "password-file", "", "read the password there is from the first line of a `file`")
	c.Flags().StringVar(&next, "new-password-file", "", "read the new one from the first line of a `file`")
	c.Flags().StringVar(&a.key, "key", "", "your API key, or the `file` with it (PERMLEDGER_KEY)")
	c.Flags().StringVar(&a.reason, "reason", "", "why, in a few `words`; kept apart from the log, which holds a commitment to it")
	return c
}

func (a *app) whoamiCommand() *cobra.Command {
	return a.answers(&cobra.Command{
		Use:   "whoami",
		Short: "Say who you are to the ledger: who asks, and who signs",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(s *session) error {
				me, err := s.Whoami(c.Context(), s.org)
				if err != nil {
					return fmt.Errorf("whoami: %w", err)
				}
				if me.Subject == "" { // the operator of the machine is nobody; the key that signs is somebody's
					if err := a.signedBy(c.Context(), s, &me); err != nil {
						return err
					}
				}
				return a.answer(me, func(w io.Writer) error { return writeWhoami(w, me) })
			})
		},
	})
}

// signedBy adds to an answer who the key is that changes are signed with; nobody, where there is none.
func (a *app) signedBy(ctx context.Context, s *session, me *wire.Whoami) error {
	key, err := a.signingKey(s.org)
	if err != nil && a.keyNamed() != "" {
		return fmt.Errorf("whoami: %w", err)
	}
	if err != nil {
		return nil //nolint:nilerr // without a key nothing is signed
	}
	me.Credential = didOf(key)
	one, err := s.CredentialOwner(ctx, s.org, me.Credential)
	if client.CodeOf(err) == "not-found" {
		return nil
	}
	if err != nil {
		return fmt.Errorf("whoami: %w", err)
	}
	me.Subject, me.ID, me.SubjectKind, me.Owner, me.AsOf = one.Item.Key, one.Item.ID, one.Item.Kind, one.Item.Owner, one.AsOf
	return nil
}

func writeWhoami(w io.Writer, me wire.Whoami) error {
	t := table{}
	subject := cmp.Or(me.Subject, "nobody")
	if me.Owner {
		subject += ", the owner"
	}
	t.row("user", subject)
	t.row("calls as", me.Kind)
	if me.Credential != "" {
		t.row("signs with", me.Credential)
	}
	if len(me.Roles) > 0 {
		t.row("roles", strings.Join(me.Roles, ", "))
	}
	if me.Expires != "" {
		t.row("until", when(me.Expires))
	}
	return t.writeTo(w, "")
}

// password reads a password: from the first line of a file, from the terminal without showing it, or from the first line
// of stdin.
func (a *app) password(prompt, file string) (string, error) {
	var from io.Reader = a.p.In
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return "", usage("read the password: %w", err)
		}
		defer f.Close()
		from = f
	} else if f, ok := a.p.In.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprint(a.p.Err, prompt)
		b, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(a.p.Err)
		return string(b), err
	}
	if a.lines == nil || file != "" {
		lines := bufio.NewReader(from)
		if file == "" {
			a.lines = lines // a second password is the next line
		}
		return firstLine(lines)
	}
	return firstLine(a.lines)
}

func firstLine(in *bufio.Reader) (string, error) {
	line, err := in.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password: %w", err)
	}
	line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
	if line == "" {
		return "", usage("read the password: there is none")
	}
	return line, nil
}
