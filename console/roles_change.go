package console

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/permledger/permledger/api/wire"
)

// leaving is the page of a role that cannot be deleted as things stand.
type leaving struct {
	Role     wire.Role
	Holders  *holders
	Refusal  *wire.Problem
	Withdraw bool // it can be, once it is taken from all who have it, and the caller may do that in one go
}

// withdrawnAtOnce is from how many holders a role is taken in one go, so that it can be deleted.
const withdrawnAtOnce = 500

// deleteRole shows what deleting a role would do, with taking it from all who have it where that was chosen.
func (v *visit) deleteRole() (view, error) {
	r, err := v.oneRole()
	if err != nil {
		return view{}, err
	}
	h, err := v.holders(r, withdrawnAtOnce)
	if err != nil && refused(err) == nil {
		return view{}, err
	}
	var steps []wire.Intent
	if v.PostFormValue("withdraw") != "" && h != nil {
		for _, one := range h.Shown {
			steps = append(steps, wire.Intent{Kind: wire.RevokeRole, Role: r.Key, Subject: one.Subject, Scope: one.Scope})
		}
	}
	title := fmt.Sprintf("Delete the role %s for good", r.Key)
	if len(steps) > 0 {
		title = fmt.Sprintf("Take the role %s from %s, and delete it for good", r.Key, count(len(steps), "holder"))
	}
	c := newChange(title, v.address("roles"), append(steps, wire.Intent{Kind: wire.DeleteRole, Role: r.Key, Confirm: true})...)
	c.Lines = []string{"It cannot be brought back: a new role with the same name is another role. What it was stays in the history."}
	shown, err := v.reviewed(c)
	if err != nil || c.Refusal == nil {
		return shown, err
	}
	page := leaving{Role: r, Holders: h, Refusal: c.Refusal}
	// Where roles are withdrawn, whoever may delete one may take it from its holders: that is this organization's rule.
	may := v.may(mayRevoke) || v.switched("withdrawRoles")
	page.Withdraw = len(steps) == 0 && c.Refusal.Code() == refusedInUse && may && h != nil && h.Pages.Next == ""
	return view{template: "role-delete", title: title, data: &page, status: http.StatusConflict}, nil
}

// defaultRole shows what making a role the default would do.
func (v *visit) defaultRole() (view, error) {
	r, err := v.oneRole()
	if err != nil {
		return view{}, err
	}
	in := wire.Intent{Kind: wire.DefaultRole, Role: r.Key}
	title := fmt.Sprintf("Make %s the default role", r.Key)
	if v.PostFormValue("none") != "" {
		in.Role, title = "", fmt.Sprintf("Give %s to nobody any more by itself", r.Key)
	}
	c := newChange(title, v.address("roles", r.Key), in)
	c.Lines = []string{"Whoever is there already keeps what it has."}
	if in.Role != "" {
		c.Lines = slices.Insert(c.Lines, 0, "Everybody who is added from then on gets it.")
	}
	return v.reviewed(c)
}

// lookedOver shows that somebody looked a role over, before it is recorded.
func (v *visit) lookedOver() (view, error) {
	r, err := v.oneRole()
	if err != nil {
		return view{}, err
	}
	c := newChange(fmt.Sprintf("Record that %s was looked over, and stays as it is", r.Key), v.address("roles", r.Key), wire.Intent{Kind: wire.ReviewRole, Role: r.Key})
	return v.reviewed(c)
}
