package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/client"
)

// completeWithin bounds how long a shell waits for what could come next.
const completeWithin = 300 * time.Millisecond

// candidates gives what an argument can be.
type candidates func(context.Context, *session) []string

// complete offers what the arguments can be, one after the other, the last for all that follow. It asks a server that
// runs and never opens a directory; where none answers in time, nothing is offered and nothing is said.
func (a *app) complete(of ...candidates) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(context.Background(), completeWithin)
		defer cancel()
		next := of[min(len(args), len(of)-1)]
		s := a.listening()
		if s == nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var err error
		if s.org, err = a.organization(ctx, s.Client); err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var offered []string
		for _, name := range next(ctx, s) {
			if strings.HasPrefix(name, begun) {
				offered = append(offered, name)
			}
		}
		return offered, cobra.ShellCompDirectiveNoFileComp
	}
}

// listening gives a server, if one is there.
func (a *app) listening() *session {
	if a.server != "" {
		if token, err := a.caller(a.server, ""); err == nil {
			if s, err := a.remote(a.server, token); err == nil {
				return s
			}
		}
		return nil
	}
	if a.data == "" {
		return nil
	}
	s, err := a.asCaller(running(a.data))
	if err != nil {
		return nil
	}
	return s
}

func nothing(context.Context, *session) []string { return nil }

func word(w string) candidates {
	return func(context.Context, *session) []string { return []string{w} }
}

func roles(ctx context.Context, s *session) []string {
	list, err := s.Roles(ctx, s.org, false, client.Read{})
	if err != nil {
		return nil
	}
	var keys []string
	for _, r := range list.Items {
		keys = append(keys, r.Key)
	}
	return keys
}

func subjects(ctx context.Context, s *session) []string {
	list, err := s.Subjects(ctx, s.org, client.Read{})
	if err != nil {
		return nil
	}
	var keys []string
	for _, u := range list.Items {
		if u.Deactivated == 0 {
			keys = append(keys, u.Key)
		}
	}
	return keys
}

// permissions offers a catalogue's permissions by the names that need no catalogue.
func permissions(ctx context.Context, s *session) []string {
	list, err := s.Permissions(ctx, s.org, client.Read{})
	if err != nil {
		return nil
	}
	var names []string
	for _, p := range list.Items {
		if !p.Retired {
			names = append(names, strings.TrimPrefix(p.Name, p.Catalogue+":"))
		}
	}
	return names
}

func rolesOrPermissions(ctx context.Context, s *session) []string {
	return append(roles(ctx, s), permissions(ctx, s)...)
}
