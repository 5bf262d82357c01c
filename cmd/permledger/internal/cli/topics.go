package cli

import "github.com/spf13/cobra"

// topics are what `permledger help TOPIC` explains beside the commands.
func topics() []*cobra.Command {
	return []*cobra.Command{
		{Use: "exit-codes", Short: "What the exit codes mean", Long: `Exit codes

    0  done; allowed; verified
    1  a negative answer: denied
    2  wrong usage or input; nothing was tried
    3  the ledger was not reached in time, or could not answer: no server is there, or another process has the directory
    4  not permitted, or not proven: no key, a wrong key, a permission that is missing
    5  there is no such role, user, permission, organization or event
    6  a conflict: the name is taken, the role is still assigned, or it is so already
    7  integrity: a hash, link, signature or proof does not hold; page somebody
  130  interrupted

A negative answer is written to stdout like any other; -q leaves it out.`},
		{Use: "environment", Short: "The variables that commands look at", Long: `Environment

  PERMLEDGER_DATA    the data directory, as --data
  PERMLEDGER_ORG     the organization, as --org
  PERMLEDGER_KEY     the file with the key that signs commands, as --key, or an API key (plk_…) itself; else
                     DIR/keys/owner.key for main and DIR/keys/ORG.owner.key for other organizations
  PERMLEDGER_SERVER  the URL of a server, as --server
  PERMLEDGER_TOKEN   the token for that server, or an API key; --token-file names a file instead. Without one a server is
                     called with the session of who signed in there, else with the API key in PERMLEDGER_KEY
  PERMLEDGER_SESSIONS the file that sessions are kept in; else ~/.config/permledger/sessions.json
  PERMLEDGER_PINS    the directory that checkpoints of ledgers are kept in, or off; else ~/.local/state/permledger/pins
  PERMLEDGER_PATIENCE how long a checkpoint may be behind what was seen of a ledger before that counts; 5s is the default
  PERMLEDGER_TRUST   a file with the policy that checkpoints have to meet, as --trust
  PERMLEDGER_MAX_AGE how long ago its witnesses may have vouched, as --max-age
  PERMLEDGER_TIMEOUT how long a server may take to begin an answer, as 60s, which is the default; ` + "`doctor`" + ` waits 5s at most

A server that runs on the data directory is found by DIR/run/server.json. Without one, a command opens the directory
itself, which one process at a time can do.`},
		{Use: "pins", Short: "What is kept of ledgers, so that they cannot take anything back", Long: `Pins

Commands keep the last checkpoint of each ledger that they talk to, and demand that the ledger continues it. The first one
is believed. Where a ledger does not continue what it showed, the command stops with exit code 7 before it sends anything,
and writes both checkpoints to a file equivocation-TIME.txt, which its message names:

  ROLLBACK        it has fewer events than it had: an old copy was put back, or history was cut off
  EQUIVOCATION    it has signed two histories of one length
  FORK            it has grown from another history
  STALE           its checkpoint does not cover what it answered with, or witnesses vouched for it too long ago
  ANOTHER LEDGER  another ledger is at this URL or in this directory

"permledger verify" of a directory or a file judges what stands there, and looks at nothing that is kept here; of a server's
URL it does. So of a directory that was put back as it was once, verify says that it holds.

Nothing on the server can make that go away, and nothing should: show the file to those who rely on the ledger. When you know
why it happened, as after "permledger repair --accept-loss", let "permledger pin forget LEDGER" make the next contact the first.

With --trust FILE, a policy as c2sp.org/tlog-policy has it, a checkpoint that its witnesses cosigned is demanded too, and with
--max-age a recent one: a ledger whose operator shows old heads to somebody then stands still for them.`},
		{Use: "wallets", Short: "How wallets sign what they do", Long: `Wallets

A wallet stands in an organization under its address, with the checksum of EIP-55 in its letters, or, where it is a wallet of
one chain alone, under its did:pkh:

  permledger user add 0x2c7536E3605D9C16a7a3D7b1898e529396a65c23 --kind wallet
  permledger user add did:pkh:eip155:137:0x2c7536E3605D9C16a7a3D7b1898e529396a65c23 --kind wallet

What it does, it signs itself; no password, API key or other key stands in for that. With a key in a file, as servers have it:

  permledger document issue role:agents --wallet agent.key

With a wallet in a browser or on a device, in two steps. FILE then holds typedData, to be signed with eth_signTypedData_v4
(or with --scheme eip191 and eip4361 a text, to be signed with personal_sign):

  permledger document issue role:agents --wallet 0x2c7536E3605D9C16a7a3D7b1898e529396a65c23 --prepare FILE
  permledger submit FILE --signature 0x…

What the wallet shows names the ledger, the action, what it is about with all details, and until when the signature is good,
which is an hour. Programs get the same from the member wallet of /v1/orgs/ORG/prepare, and send the signature to
/v1/orgs/ORG/commands. Contract wallets (EIP-1271) are not supported: only their chain could check what they sign.`},
		{Use: "revisions", Short: "How a moment of the ledger is written", Long: `Revisions

  --as-of takes

    head, or nothing     the last event, and the server's clock
    41                   the event at position 41, at its time
    head~3               three events before the last
    cid:bafk…            the event of this CID
    2026-10-28T07:44Z    the last event up to that instant; seconds may be left out
    2026-10-28           the last event of that day, UTC
    24h                  so long ago
    occurred:TIME        all events, but only those changes of roles and grants that had occurred by TIME;
                         imported events say when they occurred

  A range of positions is written A..B, with either end left out: 20.. is from 20 on, ..41 up to 41. Both ends count.

Every answer says as of which position and instant it holds; in JSON, asOf has position (seq), CID and times.`},
	}
}
