package cli

import (
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/permledger/permledger/api"
)

// limitFlags bound what callers and organizations take of a server.
type limitFlags struct {
	callerReads, callerWrites, reads, writes rateFlag
	storage                                  uint64
	keep                                     time.Duration
}

// rateFlag is a rate as a flag.
type rateFlag struct {
	api.Rate
	text string
}

var _ pflag.Value = (*rateFlag)(nil)

func (f *rateFlag) String() string { return f.text }
func (f *rateFlag) Type() string   { return "rate" }

func (f *rateFlag) Set(text string) (err error) {
	f.text = text
	f.Rate, err = api.ParseRate(text)
	return err
}

func (f *limitFlags) flags(c *cobra.Command) {
	flags := c.Flags()
	flags.Var(&f.callerReads, "limit-reads", "how `many` requests and decisions a second a caller has answered in an organization, as 200 or, with how many at once, 200:1000; else any number")
	flags.Var(&f.callerWrites, "limit-writes", "how `many` commands a second a caller records in an organization")
	flags.Var(&f.reads, "limit-organization-reads", "how `many` requests and decisions a second all callers of an organization have answered")
	flags.Var(&f.writes, "limit-organization-writes", "how `many` commands a second all callers of an organization record")
	flags.Uint64Var(&f.storage, "limit-storage", 0, "how many `bytes` the entries of an organization may take; with more, only what takes rights away is recorded; 0: any number")
	flags.DurationVar(&f.keep, "activity-keep", 0, "how long activity is kept, as 8760h: what was refused, who signed in, what was read; 0: for ever")
}

func (f *limitFlags) limits() api.Limits {
	return api.Limits{CallerReads: f.callerReads.Rate, CallerWrites: f.callerWrites.Rate, Reads: f.reads.Rate, Writes: f.writes.Rate, Storage: f.storage}
}
