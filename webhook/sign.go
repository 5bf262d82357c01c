package webhook

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// secretPrefix stands before every secret, so that programs which look for leaked ones find it.
const secretPrefix = "whsec_"

// The header fields of a delivery, as Standard Webhooks names them.
const (
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"
)

// tolerance is how far the time of a delivery may be off for [Verify].
const tolerance = 5 * time.Minute

// ErrSignature says that a delivery is not from who has the secret, or is too old.
var ErrSignature = errors.New("webhook: the signature does not hold")

// newSecret makes a secret of 256 bits.
func newSecret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // it never fails
	return secretPrefix + base64.StdEncoding.EncodeToString(b[:])
}

// signature gives the signature of a delivery: HMAC-SHA256 over ID.TIME.BODY with what the secret encodes.
func signature(secret, id string, at int64, body []byte) (string, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, secretPrefix))
	if err != nil {
		return "", fmt.Errorf("webhook: the secret is not one: %w", err)
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%d.", id, at)
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)), nil
}

// sign puts the signatures of each secret into the header of a delivery.
func sign(h http.Header, secrets []string, id string, at time.Time, body []byte) error {
	var all []string
	for _, secret := range secrets {
		s, err := signature(secret, id, at.Unix(), body)
		if err != nil {
			return err
		}
		all = append(all, s)
	}
	h.Set(headerID, id)
	h.Set(headerTimestamp, strconv.FormatInt(at.Unix(), 10))
	h.Set(headerSignature, strings.Join(all, " "))
	return nil
}

// Verify says whether a delivery was signed with a secret not long before or after an instant. It is what a receiver does
// first. The error wraps [ErrSignature].
func Verify(h http.Header, body []byte, secret string, now time.Time) error {
	at, err := strconv.ParseInt(h.Get(headerTimestamp), 10, 64)
	if err != nil || now.Sub(time.Unix(at, 0)).Abs() > tolerance {
		return fmt.Errorf("%w: it is of another time", ErrSignature)
	}
	want, err := signature(secret, h.Get(headerID), at, body)
	if err != nil {
		return err
	}
	for one := range strings.FieldsSeq(h.Get(headerSignature)) {
		if hmac.Equal([]byte(one), []byte(want)) {
			return nil
		}
	}
	return ErrSignature
}
