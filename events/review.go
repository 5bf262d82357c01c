package events

import (
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events/canon"
)

// RoleReviewed says that somebody looked a role over. It changes nothing.
type RoleReviewed struct {
	none
	Role ulid.ULID
}

func (*RoleReviewed) Type() Type      { return "role.reviewed" }
func (d *RoleReviewed) About() string { return about("role", d.Role) }
func (d *RoleReviewed) asked() Data   { return new(*d) }

func (d *RoleReviewed) command(c *canon.Codec, _ int) { c.ULID("role", &d.Role) }

// ReviewAll is the scope of a review of everything that was given.
const ReviewAll = "all"

// ReviewStarted says that what was given, in a scope, is to be looked over: everything in it that holds at this position
// is an item, of which somebody decides whether it stays.
type ReviewStarted struct {
	Review ulid.ULID
	Title  string
	Scope  string    // ReviewAll, role/<id> or subject/<id>
	Due    time.Time // by when; zero: it does not say

	Items uint64 // how many there are
}

func (*ReviewStarted) Type() Type      { return "review.started" }
func (d *ReviewStarted) About() string { return about("review", d.Review) }
func (d *ReviewStarted) asked() Data {
	return &ReviewStarted{Review: d.Review, Title: d.Title, Scope: d.Scope, Due: d.Due}
}

func (d *ReviewStarted) command(c *canon.Codec, _ int) {
	c.OptionalTime("due", &d.Due)
	c.ULID("review", &d.Review)
	reviewScope(c, &d.Scope)
	c.String("title", &d.Title, canon.Name)
}

func (d *ReviewStarted) effect(c *canon.Codec, _ int) { c.Uint("items", &d.Items) }

func reviewScope(c *canon.Codec, scope *string) {
	c.String("scope", scope, canon.Value)
	if kind, _, one := strings.Cut(*scope, "/"); !c.Describing() && *scope != ReviewAll && !(one && (kind == "role" || kind == "subject")) {
		c.Failf("the scope of a review is all, role/<id> or subject/<id>, not %q", *scope)
	}
}

// ReviewDecided says what was decided of one item of a review. That something is to be revoked is decided once it is.
type ReviewDecided struct {
	none
	Review     ulid.ULID
	Grant      ulid.ULID // the event that gave it
	Subject    ulid.ULID
	Role       ulid.ULID // zero where it is a permission
	Permission string    // empty where it is a role
	Scope      string
	Revoke     bool // else it stays
}

func (*ReviewDecided) Type() Type      { return "review.decided" }
func (d *ReviewDecided) About() string { return about("review", d.Review) }
func (d *ReviewDecided) asked() Data   { return new(*d) }

func (d *ReviewDecided) command(c *canon.Codec, _ int) {
	c.ULID("grant", &d.Grant)
	c.OptionalString("permission", &d.Permission, canon.Permission)
	c.ULID("review", &d.Review)
	c.Flag("revoke", &d.Revoke)
	c.OptionalULID("role", &d.Role)
	c.OptionalString("scope", &d.Scope, canon.Scope)
	c.ULID("subject", &d.Subject)
	if !c.Describing() && (d.Permission == "") == (d.Role == ulid.ULID{}) {
		c.Failf("an item is either a role or a permission")
	}
}

// ReviewClosed says that a review is over. A signed document beside the event says what was decided of each item.
type ReviewClosed struct {
	Review   ulid.ULID
	KeepRest bool // what nobody decided of stays

	Scope   string
	Kept    uint64 // items that somebody decided to keep
	Revoked uint64 // items that somebody decided to revoke
	Rest    uint64 // items that nobody decided of
}

func (*ReviewClosed) Type() Type      { return "review.closed" }
func (d *ReviewClosed) About() string { return about("review", d.Review) }
func (d *ReviewClosed) asked() Data {
	return &ReviewClosed{Review: d.Review, KeepRest: d.KeepRest}
}

func (d *ReviewClosed) command(c *canon.Codec, _ int) {
	c.Flag("keepRest", &d.KeepRest)
	c.ULID("review", &d.Review)
}

func (d *ReviewClosed) effect(c *canon.Codec, _ int) {
	c.Uint("kept", &d.Kept)
	c.Uint("rest", &d.Rest)
	c.Uint("revoked", &d.Revoked)
	reviewScope(c, &d.Scope)
}
