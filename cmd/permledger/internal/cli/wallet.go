package cli

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/wallet"
)

// walletFlags say which wallet signs what is changed, and how.
type walletFlags struct {
	wallet  string // file of its key; or, where it signs elsewhere, the wallet
	chain   uint64
	scheme  string
	prepare string // file that takes what it is to sign
}

func (w *walletFlags) flags(c *cobra.Command) {
	c.Flags().StringVar(&w.wallet, "wallet", "", "sign with a wallet: the `file` with its key, as wallet new makes it; with --prepare, the wallet itself")
	c.Flags().Uint64Var(&w.chain, "wallet-chain", 0, "the `id` of the chain that the wallet is of, as 137; not said: of all chains")
	c.Flags().StringVar(&w.scheme, "scheme", events.MethodEIP712, "how the wallet signs: eip712, eip191 or eip4361")
	c.Flags().StringVar(&w.prepare, "prepare", "", "record nothing, and write what the wallet is to sign to a `file`; see submit")
}

// author is who signs a change.
type author struct {
	credential string
	scheme     string // of a wallet
	sign       client.Signer
}

// author gives who signs what is changed in an organization. Of a wallet that signs elsewhere there is no signer.
func (a *app) author(org string) (author, error) {
	w := &a.wallet
	if w.wallet == "" {
		if w.prepare != "" {
			return author{}, usage("--prepare: which wallet will sign? Say --wallet WALLET, its address or did:pkh")
		}
		key, err := a.signingKey(org)
		if err != nil {
			return author{}, err
		}
		return author{credential: didOf(key), sign: client.KeySigner(key)}, nil
	}
	algorithm := ""
	for _, known := range []string{chain.AlgorithmEIP712, chain.AlgorithmEIP191, chain.AlgorithmEIP4361} {
		if chain.MethodOf(known) == w.scheme {
			algorithm = known
		}
	}
	switch {
	case algorithm == "":
		return author{}, usage("--scheme %s: a wallet signs by eip712, eip191 or eip4361", w.scheme)
	case a.key != "":
		return author{}, usage("--key and --wallet: one of them signs")
	}
	if id, err := wallet.ParseID(w.wallet); err == nil && w.prepare != "" {
		if w.chain != 0 {
			id.Chain = w.chain
		}
		return author{credential: id.String(), scheme: w.scheme}, nil
	}
	key, err := readWallet(w.wallet)
	if err != nil {
		return author{}, err
	}
	id := wallet.ID{Chain: w.chain, Address: key.Address()}
	return author{credential: id.String(), scheme: w.scheme, sign: client.WalletSigner(key, w.chain, algorithm)}, nil
}

// readWallet reads a wallet's key: 64 hexadecimal digits, in a file that nobody else can read.
func readWallet(path string) (*wallet.Key, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, exit(exitDenied, "read the wallet's key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, exit(exitDenied, "the wallet's key %s can be read by others (mode %04o); `chmod 600` it", path, info.Mode().Perm())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, exit(exitDenied, "read the wallet's key: %w", err)
	}
	key, err := wallet.ParseKey(string(bytes.TrimSpace(b)))
	if err != nil {
		return nil, exit(exitDenied, "read the wallet's key %s: %w", path, err)
	}
	return key, nil
}

// writeNew writes a file that is not there yet and that nobody else can read.
func writeNew(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return usage("the file %s is there already", path)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Sync(), f.Close())
}

func (a *app) walletCommand() *cobra.Command {
	return group("wallet", "Make a wallet's key, show its address, sign with it", a.walletNew(), a.walletAddress(), a.walletSign())
}

// walletNamed is the answer that names a wallet.
type walletNamed struct {
	Wallet  string `json:"wallet"`
	Address string `json:"address"`
}

func (a *app) nameWallet(key *wallet.Key, chainID uint64) error {
	id := wallet.ID{Chain: chainID, Address: key.Address()}
	return a.answer(walletNamed{id.String(), id.Address.String()}, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, id)
		return err
	})
}

func (a *app) walletNew() *cobra.Command {
	return a.answers(&cobra.Command{
		Use:   "new FILE",
		Short: "Make the key of a wallet in a file, for tests and servers",
		Long: `Make the key of a wallet in a file, and print its address.

The file holds the private key itself, in 64 hexadecimal digits. Wallets of people belong into a browser or on a device:
see submit.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			var key *wallet.Key
			for key == nil {
				secret := make([]byte, 32)
				if _, err := rand.Read(secret); err != nil {
					return fmt.Errorf("make a wallet's key: %w", err)
				}
				key, _ = wallet.KeyOf(secret) // nil of a number beyond the group's order, which nobody will ever see
			}
			if err := writeNew(args[0], []byte(hex.EncodeToString(key.Bytes())+"\n")); err != nil {
				return fmt.Errorf("keep the wallet's key: %w", err)
			}
			return a.nameWallet(key, 0)
		},
	})
}

func (a *app) walletAddress() *cobra.Command {
	var chainID uint64
	c := a.answers(&cobra.Command{
		Use:   "address FILE",
		Short: "Show the address of the wallet whose key is in a file",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			key, err := readWallet(args[0])
			if err != nil {
				return err
			}
			return a.nameWallet(key, chainID)
		},
	})
	c.Flags().Uint64Var(&chainID, "wallet-chain", 0, "as a wallet of the chain with this `id`: did:pkh")
	return c
}

func (a *app) walletSign() *cobra.Command {
	var file string
	c := a.answers(&cobra.Command{
		Use:   "sign FILE",
		Short: "Sign what --prepare wrote, or typed data of EIP-712, with the key of a wallet",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			key, err := readWallet(file)
			if err != nil {
				return err
			}
			b, err := os.ReadFile(args[0])
			if err != nil {
				return usage("sign %s: %w", args[0], err)
			}
			sig, err := signFile(b, key)
			if err != nil {
				return exit(exitUsage, "sign %s: %w", args[0], err)
			}
			answer := struct {
				Signature string `json:"signature"`
				Wallet    string `json:"wallet"`
			}{sig.String(), key.Address().String()}
			return a.answer(answer, func(w io.Writer) error {
				_, err := fmt.Fprintln(w, sig)
				return err
			})
		},
	})
	c.Flags().StringVar(&file, "wallet", "", "the `file` with the wallet's key")
	_ = c.MarkFlagRequired("wallet")
	return c
}

// signFile signs what a file asks for: a command that was prepared, or typed data.
func signFile(b []byte, key *wallet.Key) (wallet.Signature, error) {
	if t, err := readToSign(b); err == nil {
		return t.Sign(key)
	}
	td, err := wallet.ParseTypedData(b)
	if err != nil {
		return wallet.Signature{}, err
	}
	hash, err := td.Hash()
	return key.Sign(hash), err
}

func readToSign(b []byte) (client.ToSign, error) {
	var t client.ToSign
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	dec.DisallowUnknownFields()
	if err := dec.Decode(&t); err != nil || len(t.Command) == 0 {
		return t, errors.Join(errors.New("it is not what --prepare writes"), err)
	}
	var command bytes.Buffer // the file is indented for people; a command's bytes have no spaces
	if err := json.Compact(&command, t.Command); err != nil {
		return t, err
	}
	t.Command = command.Bytes()
	return t, nil
}

// keepToSign writes what a wallet elsewhere has to sign, and says what to do with it.
func (a *app) keepToSign(org string, p wire.Prepared, texts []wire.Text) error {
	if p.Refusal != nil {
		return &client.Error{Problem: *p.Refusal}
	}
	t, err := client.AskWallet(org, p, texts)
	if err != nil {
		return err
	}
	b, err := encodeJSON(t, true)
	if err != nil {
		return err
	}
	if err := writeNew(a.wallet.prepare, b); err != nil {
		return fmt.Errorf("write what the wallet is to sign: %w", err)
	}
	answer := struct {
		Prepared string `json:"prepared"`
		Wallet   string `json:"wallet"`
		Method   string `json:"method"`
		Expires  string `json:"expires"`
	}{a.wallet.prepare, t.Wallet, t.Method, t.Expires}
	return a.answer(answer, func(w io.Writer) error {
		out := printer{w: w}
		out.f("nothing recorded; %s is to sign %s by %s before %s\n", t.Wallet, a.wallet.prepare, t.Method, t.Expires)
		what := "its typedData with eth_signTypedData_v4"
		if t.Text != "" {
			what = "its text with personal_sign"
		}
		out.f("sign %s, then: permledger submit %s --signature 0x…\n", what, a.wallet.prepare)
		return out.err
	})
}

func (a *app) submitCommand() *cobra.Command {
	var signature string
	c := a.answers(&cobra.Command{
		Use:   "submit FILE",
		Short: "Record a change that a wallet in a browser or on a device signed",
		Long: `Record a change that was written to a file with --prepare, with the signature that a wallet gave for it.

The file holds typedData for eth_signTypedData_v4, or a text for personal_sign. What is signed is made again from the
command in the file: if somebody changed either, the signature does not hold.`,
		Example: `  permledger document issue role:agents --wallet 0x2c7536E3605D9C16a7a3D7b1898e529396a65c23 --prepare change.json
  permledger submit change.json --signature 0x…`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			b, err := os.ReadFile(args[0])
			if err != nil {
				return usage("submit %s: %w", args[0], err)
			}
			t, err := readToSign(b)
			if err != nil {
				return usage("submit %s: %w", args[0], err)
			}
			sig, err := wallet.ParseSignature(strings.TrimSpace(signature))
			if err != nil {
				return exit(exitDenied, "submit %s: %w", args[0], err)
			}
			if a.org == "" {
				a.org = t.Organization
			}
			return a.with(c.Context(), func(s *session) error {
				if s.org != t.Organization {
					return usage("submit %s: it is for the organization %s", args[0], t.Organization)
				}
				r, err := s.RecordSigned(c.Context(), t, sig)
				if errors.Is(err, wallet.ErrSigner) {
					return exit(exitDenied, "submit %s: %w", args[0], err)
				}
				if err != nil {
					return fmt.Errorf("submit %s: %w", args[0], err)
				}
				return a.receipt(r)
			})
		},
	})
	c.Flags().StringVar(&signature, "signature", "", "what the wallet gave: 0x and 130 hexadecimal `digits`")
	_ = c.MarkFlagRequired("signature")
	return c
}
