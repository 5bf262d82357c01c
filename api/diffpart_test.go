package api_test

import (
	"net/http"
	"reflect"
	"slices"
	"testing"

	"github.com/permledger/permledger/api/wire"
)

// Given moments between which much changed, when the difference is read part by part, then the parts together have every subject of
// the whole once, in its order, and each says how many it leaves out of who came to have a role.
func TestADifferenceComesInParts(t *testing.T) {
	w := peopled(t)
	for _, q := range []wire.DiffQuery{{From: "3", To: "head"}, {From: "60", To: "250"}, {From: "3", To: "head", Role: "role-001"}, {From: "200", To: "201"}} {
		whole, err := w.DiffPart(t.Context(), "acme", q)
		if err != nil || whole.MoreSubjects != 0 {
			t.Fatalf("%+v: %d more, %v", q, whole.MoreSubjects, err)
		}
		for _, limit := range []int{1, 7, 1000} {
			var all []wire.SubjectChange
			part := q
			for part.Limit = limit; ; part.Skip += limit {
				d, err := w.DiffPart(t.Context(), "acme", part)
				if err != nil || len(d.Subjects) > limit || len(d.Roles) != len(whole.Roles) {
					t.Fatalf("%+v: %d subjects, %d roles, %v", part, len(d.Subjects), len(d.Roles), err)
				}
				for i, r := range d.Roles {
					of := whole.Roles[i]
					if len(r.Came)+r.MoreCame != len(of.Came) || len(r.Left)+r.MoreLeft != len(of.Left) || len(r.Came) > limit || !slices.Equal(r.Came, of.Came[:len(r.Came)]) {
						t.Errorf("%+v: %s came to %d and %d more; in whole to %d", part, r.Role, len(r.Came), r.MoreCame, len(of.Came))
					}
				}
				if all = append(all, d.Subjects...); d.MoreSubjects == 0 {
					break
				}
			}
			if !reflect.DeepEqual(all, whole.Subjects) && len(all)+len(whole.Subjects) > 0 {
				t.Errorf("%+v by %d: %d subjects; in whole %d", q, limit, len(all), len(whole.Subjects))
			}
		}
	}
	for _, bad := range []string{"limit=0", "limit=1001", "skip=-1"} {
		if resp, body := w.call("owner", http.MethodGet, "/v1/orgs/acme/diff?from=3&to=head&"+bad, ""); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s is answered with %d %s", bad, resp.StatusCode, body)
		}
	}
}
