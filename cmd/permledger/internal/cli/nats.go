package cli

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/ledger/stream"
	"github.com/permledger/permledger/node"
)

// natsFlags say which cluster a directory belongs to.
type natsFlags struct {
	urls, credentials, ca string
	replicas              int
	synced                bool
}

func (f *natsFlags) flags(c *cobra.Command, p Process) {
	flags := c.Flags()
	flags.StringVar(&f.urls, "nats", p.Env("PERMLEDGER_NATS"), "the `URLs` of a NATS cluster's servers, separated by commas, instead of a store of one's own (PERMLEDGER_NATS)")
	flags.StringVar(&f.credentials, "nats-creds", p.Env("PERMLEDGER_NATS_CREDS"), "a `file` with NATS credentials or the seed of an NKey (PERMLEDGER_NATS_CREDS)")
	flags.StringVar(&f.ca, "nats-ca", "", "a `file` of certificates that the NATS servers' own must descend from")
	flags.IntVar(&f.replicas, "nats-replicas", 3, "how `many` servers hold each stream")
	flags.BoolVar(&f.synced, "nats-synced", false, "your word that all NATS servers run with sync_interval: always")
}

// options gives how to reach the cluster; nil where none was named.
func (f *natsFlags) options() *stream.RemoteOptions {
	if f.urls == "" {
		return nil
	}
	return &stream.RemoteOptions{URLs: f.urls, Credentials: f.credentials, TLSCA: f.ca, Replicas: f.replicas, SyncAlways: f.synced}
}

// reach connects to the cluster once.
func (f *natsFlags) reach() error {
	c, err := stream.Connect(*f.options())
	if err != nil {
		return err
	}
	return c.Close()
}

func (a *app) joinCommand() *cobra.Command {
	var from, secret string
	c := &cobra.Command{
		Use:   "join DIR",
		Short: "Make the data directory of a further node of a cluster",
		Long: `Make the data directory of a further node of a cluster. What it takes from another node is the cluster's secret, the file
node/cluster.key in that node's data directory: who has it reads what the nodes share through NATS, and becomes a node.
The organizations come from the NATS servers when the node is first served.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if (from == "") == (secret == "") {
				return usage("join %s: which cluster? Say --from DIR of another node, or --secret FILE, a copy of its node/cluster.key", args[0])
			}
			if err := fresh(args[0]); err != nil {
				return err
			}
			if secret == "" {
				secret = filepath.Join(from, "node", "cluster.key")
			}
			if err := node.Join(args[0], secret); err != nil {
				return err
			}
			a.say("%s is a node of the cluster. Next:\n  permledger serve --data %s --nats URL", args[0], args[0])
			return nil
		},
	}
	c.Flags().StringVar(&from, "from", "", "the data `directory` of another node")
	c.Flags().StringVar(&secret, "secret", "", "a `file`: another node's node/cluster.key, or a copy")
	return c
}
