package cli

import (
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/wire"
)

func (a *app) readyCommand() *cobra.Command {
	return a.answers(&cobra.Command{
		Use:   "ready",
		Short: "Say whether the server on the data directory, or of --server, should be sent requests",
		Long: `Ask the server that runs on the data directory, or the one of --server, whether requests should be sent to it (GET /readyz):
for health checks of containers, in which there is no other program. It ends with 0 where they should, and with 3 where not: the
server is about to stop, has stopped writing, or does not answer.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := a.askable()
			if err != nil {
				return err
			}
			wait, err := a.wait()
			if err != nil {
				return err
			}
			answer, err := s.Within(min(wait, doctorWait)).Ready(c.Context())
			if err != nil {
				return err
			}
			if err := a.answer(answer, func(w io.Writer) error {
				p := printer{w: w}
				p.f("%s\n", answer.Status)
				return p.err
			}); err != nil {
				return err
			}
			if answer.Status != wire.IsReady {
				return &exitError{code: exitUnreached}
			}
			return nil
		},
	})
}

// askable gives the server that was named, or that runs on the data directory, which is not opened where none does.
func (a *app) askable() (*session, error) {
	if a.server != "" {
		return a.remote(a.server, "")
	}
	if a.data == "" {
		return nil, usage("which server? Say --data DIR or --server URL")
	}
	s, err := running(a.data)
	if err == nil && s == nil {
		err = &exitError{exitUnreached, errors.New("no server runs on " + a.data)}
	}
	return s, err
}
