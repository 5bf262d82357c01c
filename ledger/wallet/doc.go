// Package wallet reads, writes and checks what Ethereum wallets sign, and how chains, accounts and tokens on them are
// named. It knows no ledger, no network and no clock: all of it is a function of the bytes.
//
// What it follows:
//
//   - CAIP-2 and CAIP-10 for chains and accounts, did:pkh for accounts as DIDs, EIP-55 for the spelling of addresses;
//   - EIP-191 (version 0x45, personal_sign) for texts, EIP-712 for typed data, EIP-4361 (Sign-In with Ethereum);
//   - secp256k1 signatures of 65 bytes r ‖ s ‖ v as wallets give them, from which the signer is recovered.
//
// One thing has one spelling: an account of an eip155 chain is written with its EIP-55 address, a signature with v 27 or
// 28 and the lower of its two values of s (EIP-2). What people and wallets write otherwise is read and put right where
// that is said, and refused where it is not.
//
// Contract wallets (EIP-1271) answer for themselves on their chain: their signatures cannot be checked from the bytes, and
// are refused with [ErrContractWallet].
package wallet
