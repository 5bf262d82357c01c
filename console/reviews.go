package console

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/permledger/permledger/api/wire"
)

func reviewRoutes() []route {
	const get, post = http.MethodGet, http.MethodPost
	return []route{
		{method: get, path: "{org}/reviews", screen: (*visit).reviews},
		{method: get, path: "{org}/start-review", screen: (*visit).newReview, form: true},
		{method: post, path: "{org}/start-review", screen: (*visit).startReview},
		{method: get, path: "{org}/reviews/{review}", screen: (*visit).accessReview},
		{method: post, path: "{org}/reviews/{review}", screen: (*visit).decideReview},
		{method: get, path: "{org}/reviews/{review}/items/{item}", screen: (*visit).reviewItem},
		{method: post, path: "{org}/reviews/{review}/items/{item}", screen: (*visit).decideReview},
		{method: post, path: "{org}/reviews/{review}/close", screen: (*visit).closeReview},
	}
}

// reviewsPage lists access reviews, the newest first.
type reviewsPage struct {
	Reviews []wire.Review
	Pager   totalled
	now     string
}

// totalled is which part of how many is shown.
type totalled struct {
	pager
	Total int
}

// In says how far an instant is from the page's, in words.
func (r *reviewsPage) In(instant string) string { return distance(r.now, instant) }

// Overdue says that the instant by which a review was to be done is over.
func (r *reviewsPage) Overdue(one wire.Review) bool {
	return one.Open && one.Due != "" && one.Due <= r.now
}

func (v *visit) reviews() (view, error) {
	list, err := v.client.Reviews(v.ctx(), v.org, v.read())
	if err != nil {
		return view{}, err
	}
	r := reviewsPage{now: list.AsOf.Instant}
	r.Pager.Total = len(list.Items)
	r.Reviews, r.Pager.pager = cut(v, list.Items)
	return view{template: "reviews", title: "Access reviews", data: &r}, nil
}

// reviewPage is a review with a part of its items.
type reviewPage struct {
	wire.Review
	reviewsPage
	Rows     []reviewRow
	Form     filled
	Show, By string
	Routine  int           // rows of this page that can be decided here
	Unused   *wire.Problem // why it is not said when something was used last
	Item     *reviewRow    // where one item is shown
}

// A reviewRow is an item as it is decided: what it is, and why it was given.
type reviewRow struct {
	wire.ReviewItem
	Number int // in the review, which stays: so items are named in forms
	Why    string
}

// Alone says that an item is not decided together with others: what lets somebody change who may do what, and what is held by who
// is no member of the organization, is looked at by itself.
func (r reviewRow) Alone() bool { return r.Privileged || r.External() }

// External says that a wallet or another DID has it.
func (r reviewRow) External() bool { return r.Kind == "wallet" || r.Kind == "did" }

// Open says that nobody has decided.
func (r reviewRow) Open() bool { return r.Decision == "" }

// What names what was given.
func (r reviewRow) What() string {
	text := r.Permission
	if r.Role != "" {
		text = "role " + r.Role
	}
	if r.Scope != "" {
		text += " on " + r.Scope
	}
	return text
}

// readReview reads a review; who may, reads also when what it is about was used last.
func (v *visit) readReview() (*reviewPage, error) {
	r := &reviewPage{Form: filled{Values: v.Form}}
	used := v.can("log.read")
	one, err := v.client.ReviewAsOf(v.ctx(), v.org, v.PathValue("review"), used, v.read())
	if w := withheld(err); used && w != nil {
		r.Unused = w
		one, err = v.client.ReviewAsOf(v.ctx(), v.org, v.PathValue("review"), false, v.read())
	}
	if err != nil {
		return nil, err
	}
	r.Review, r.now = one.Item, one.AsOf.Instant
	return r, nil
}

// Done is how many items somebody has decided.
func (r *reviewPage) Done() int { return r.Count - r.Undecided }

// Shown names what the page can be narrowed to.
func (r *reviewPage) Shown() []option {
	return []option{{"undecided", "undecided"}, {"decided", "decided"}, {"privileged", "privileged or external"}, {"all", "all"}}
}

// row gives an item.
func (r *reviewPage) row(n int) reviewRow { return reviewRow{ReviewItem: r.Items[n], Number: n} }

// fits says whether a row is among what is asked for.
func (r *reviewPage) fits(row reviewRow, text string) bool {
	switch {
	case r.Show == "undecided" && !row.Open(), r.Show == "decided" && row.Open(), r.Show == "privileged" && !row.Alone():
		return false
	}
	return strings.Contains(strings.ToLower(row.Subject+" "+row.What()), strings.ToLower(text))
}

func (v *visit) accessReview() (view, error) {
	r, err := v.readReview()
	if err != nil {
		return view{}, err
	}
	return v.reviewShown(r)
}

// reviewShown gives the page of a review that was read.
func (v *visit) reviewShown(r *reviewPage) (view, error) {
	q := v.URL.Query()
	r.Show, r.By = q.Get("show"), q.Get("by")
	if r.Show == "" {
		r.Show = "all"
		if r.Open && r.Undecided > 0 {
			r.Show = "undecided"
		}
	}
	var rows []reviewRow
	for n := range r.Items {
		if row := r.row(n); r.fits(row, strings.TrimSpace(q.Get("q"))) {
			rows = append(rows, row)
		}
	}
	if r.By == "access" {
		slices.SortStableFunc(rows, func(a, b reviewRow) int {
			return cmp.Or(cmp.Compare(a.What(), b.What()), cmp.Compare(a.Subject, b.Subject))
		})
	} else {
		slices.SortStableFunc(rows, func(a, b reviewRow) int {
			return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.What(), b.What()))
		})
	}
	r.Pager.Total = len(rows)
	r.Rows, r.Pager.pager = cut(v, rows)
	for _, row := range r.Rows {
		if row.Open() && !row.Alone() {
			r.Routine++
		}
	}
	if err := v.whyGiven(r.Rows); err != nil {
		return view{}, err
	}
	return view{template: "review", title: r.Title, data: r, status: r.Form.status()}, nil
}

// whyGiven adds to rows why what they are about was given, as far as the caller may read that.
func (v *visit) whyGiven(rows []reviewRow) error {
	why := map[uint64]string{}
	for i := range rows {
		at := rows[i].Given
		text, known := why[at]
		if at == 0 {
			continue
		}
		if !known {
			list, err := v.client.History(v.ctx(), v.org, wire.HistoryQuery{AsOf: v.read().AsOf, From: at, To: at, Limit: 1})
			if err != nil && withheld(err) == nil {
				return err
			}
			if len(list.Items) == 1 {
				text = list.Items[0].Reason
			}
			why[at] = text
		}
		rows[i].Why = text
	}
	return nil
}

// reviewItem shows one item, to be decided by itself.
func (v *visit) reviewItem() (view, error) {
	r, err := v.readReview()
	if err != nil {
		return view{}, err
	}
	n, err := strconv.Atoi(v.PathValue("item"))
	if err != nil || n < 0 || n >= len(r.Items) {
		return view{}, &notFound{"The review has no such item"}
	}
	rows := []reviewRow{r.row(n)}
	if err := v.whyGiven(rows); err != nil {
		return view{}, err
	}
	r.Item = &rows[0]
	return view{template: "review-item", title: fmt.Sprintf("%s: %s", r.Item.Subject, r.Item.What()), data: r}, nil
}
