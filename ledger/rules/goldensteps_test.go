package rules_test

import (
	"slices"
	"time"

	"github.com/permledger/permledger/events"
)

// goldenSteps is the history of testdata/rules2.jsonl. It makes use of every type of event and of every switch of a
// profile but one: roles may not be empty. It never changes after a release; a newer version of the rules has its own.
func goldenSteps() []any {
	all := events.Profile{Name: "shop", Dependencies: true, DirectGrants: true, Documents: true, NewPermissions: true, UniqueNames: true, Delegation: true,
		DefaultRoles: true, WithdrawRoles: true, RecoveryDelay: 3600}
	shop := publish("shop", perm("asset.create", guards("role.create", "role.update")), perm("asset.view"), perm("asset.verify", needs("asset.view")),
		perm("wallet.freeze", tokenLevel), perm("wallet.pause", tokenLevel, needs("wallet.freeze")), perm("internal", reserved),
		perm("audit", needs("asset.verify", "internal")))
	shop2 := publish("shop", perm("asset.create", guards("role.create")), perm("asset.view", guards("history.read")),
		perm("asset.verify", needs("asset.view")), perm("wallet.freeze", tokenLevel), perm("wallet.pause", tokenLevel), perm("list"))
	bank := publish("bank", perm("asset.view"), perm("view"))
	day := 24 * time.Hour
	hour := start.Add(time.Hour)
	part1, part2 := []string{"own.a", "own.b", "own.c"}, []string{"own.c", "shop:asset.view"}
	old := func(record string, days int) events.Import {
		return events.Import{Format: "role-history", Source: "old system", Record: record, Occurred: start.Add(-time.Duration(days) * day)}
	}
	return given(
		opening(all).but(func(c *events.Command) {
			d := c.Data.(*events.OrganizationOpened)
			d.Evidence = []string{"key.rotated", "role.created"}
			c.Ledger, d.Organization = "test.example/operator", events.Operator // whose ledger alone records checkpoints
		}), shop, bank, system("bosses", events.ManagedOwner), system("ops", events.ManagedOperator, "bank:asset.view"),
		goldenTokenRoles(), add("ann"), add("bob"), addKind("wal", events.KindWallet), addKind("job", events.KindTechnical),
		step{data: &events.SubjectAdded{Subject: id("key"), Key: "key 1", Kind: events.KindAPIKey, Email: events.Digest{1}, DisplayName: events.Digest{2}}},
		step{data: &events.SubjectAdded{Subject: id("reg"), Key: "reg", Kind: events.KindDID, DID: "did:hedera:testnet:abc_0.0.1"}},
		create("reader", "shop:asset.view", "bank:asset.view"), create("auditor", "shop:audit", "own.report"),
		create("admin", "ledger:role.assign", "ledger:role.revoke", "ledger:role.set", "ledger:subject.add", "ledger:import", "ledger:permission.grant",
			"shop:asset.create", "shop:asset.view", "bank:asset.view"),
		create("operator", "shop:wallet.pause"),
		assign("ann", "admin"), assign("wal", "operator").on("asset/1"), assign("job", "reader").on("asset/1").until(hour), assign("job", "auditor").until(hour),
		grant("bob", "own.report"), grant("bob", "shop:asset.view").on("asset/1"), grant("wal", "shop:wallet.freeze").until(start.AddDate(0, 6, 0)),
		grant("bob", "shop:asset.create").on("asset/2").until(hour), goldenTokens(),
		step{data: &events.PermissionGranted{Subject: id("job"), Permission: "own.report"}}.but(func(c *events.Command) { c.Version = 1 }),
		assign("bob", "reader").by("ann"), create("buyer", "shop:asset.view").by("ann"), addTo("buyer", "bank:asset.view").by("ann"),
		add("joe").by("ann").but(func(c *events.Command) { c.Reason = events.Digest{9} }),
		setRoles("joe", "reader", "buyer").by("ann"), setRoles("joe", "buyer").by("ann"), revokeRole("joe", "buyer").by("ann"),
		add("imp").by("ann").imported(old("1", 30)), create("imported", "shop:asset.view").by("ann").imported(old("2", 20)),
		assign("imp", "imported").by("ann").imported(old("3", 20)),
		grant("imp", "shop:asset.view").on("asset/1").by("ann").imported(events.Import{Format: "csv", Source: "rights", Record: "line 7", Part: 2}),
		update("imported", label("live")), update("imported", func(d *events.RoleUpdated) {
			d.Name, d.Description = new("Imported"), new("From the old system\nof 2025")
		}),
		update("imported", label("")), update("imported", func(d *events.RoleUpdated) { d.Description = new("") }),
		part(part1...), part(part2...), byParts(create("big", "own.z"), part1, part2), byParts(addTo("buyer", "own.y"), part1),
		part("own.b", "own.c"), takeParts("buyer", []string{"own.b", "own.c"}),
		byParts(set("imp", "own.x"), part1), set("imp", "own.a", "own.x"), set("imp", "own.q").on("asset/1"), set("imp"),
		ended(22).after(hour.Sub(start)), revoke("bob", "shop:asset.create").on("asset/2"),
		assign("job", "auditor").until(start.AddDate(0, 3, 0)), ended(23),
		publish("shop2", perm("x")), shop2, addTo("auditor", "shop:list"), takeFrom("auditor", "shop:audit"),
		register("bob2", events.PurposeCredential, "bob"), revokeKey("bob").by("bob").signedWith(did("bob2")), register("event2", events.PurposeEvent, "").by("node"),
		rotate("event", "event3").by("node"), rotate("document", "document2"), rotate("root", "root2").signedWith(did("root")),
		rotate("operator", "operator2").signedWith(did("operator")), revokeKey("event2"), report("bob", 10),
		succeed("event3", "event4").signedWith(did("root2")), rotate("ann", "ann2"), register("owner2", events.PurposeCredential, "owner"),
		rotate("owner", "owner3").signedWith(did("owner2")), rotate("owner3", "owner4").signedWith(did("owner3")),
		with("owner4", revokeKey("owner2"), issue("role/"+id("reader").String()), issue("subject/"+id("bob").String()), create("short", "shop:list"), remove("short"),
			create("short#2", "shop:list"), assign("reg", "short#2"), grant("reg", "own.report").until(start.AddDate(0, 0, 20)),
			deactivate("joe"), deactivate("imp"), revokeRole("imp", "imported"), remove("imported"),
			grant("job", "ledger:permission.grant").until(start.AddDate(0, 3, 0))),
		grant("reg", "ledger:permission.grant").on("asset/1").by("job").until(start.AddDate(0, 1, 0)),
		with("owner4", tiedSteps()...),
		with("owner4", reviewSteps()...),
		goldenLives(),
		goldenRoles(),
		goldenCheckpoints(),
	)
}

// tiedSteps are of grants under conditions, of what is passed on, and of resources with who is assigned to them.
func tiedSteps() []step {
	staff := []step{
		add("lou"), add("mia"), add("ned"),
		publish("desk", perm("read", need(events.NeedAccess)), perm("assigned", access(events.ReachAssigned)), perm("published", access(events.ReachPublished)),
			perm("create", guards("resource.register"), entity("POLICY"))),
		create("desk", "desk:read", "desk:assigned", "ledger:role.delegate", "ledger:access.delegate"), create("maker", "desk:create", "desk:read"),
		assign("lou", "desk"), assign("mia", "maker"), assign("ned", "desk").on("policy/2").given(`resource.properties.country == "LU"`),
		grant("mia", "own.a").given(`action.properties.channel == "api" && subject.properties.desk != "x"`).until(start.AddDate(0, 6, 0)),
		registered("policy/1", "country", "LU"), registered("policy/2"), registered("asset/9", "country", "DE"),
	}
	passedOn := []step{
		delegate("mia", "desk").by("lou"), delegate("ned", "desk").on("policy/1").by("mia"), revokeRole("ned", "desk").on("policy/1").by("mia"),
		delegate("ned", "desk").on("asset/9").by("mia").until(start.AddDate(0, 6, 0)),
		registered("policy/3").by("mia"),
	}
	assigned := []step{
		assignTo("lou", "policy/1"), assignTo("lou", "policy/2"), unassign("lou", "policy/2"),
		step{data: &events.ResourceUpdated{Resource: "policy/2", Name: new("Policy 2"), Properties: []events.Property{{Name: "country", Value: "LU"}}, Publish: true}},
		step{data: &events.ResourceRemoved{Resource: "asset/9"}},
	}
	return append(slices.Concat(staff, passedOn, assigned), delegateAccess("ned", "policy/1").by("lou"))
}

// reviewSteps are of reviews: one of everything that is given up to its end, and one of a subject whose rest is kept.
func reviewSteps() []step {
	return []step{
		add("pam"), create("temp", "own.a"), assign("pam", "temp"), grant("pam", "own.b").on("asset/1"),
		reviewRole("temp"), startReview("pam's", "subject/"+id("pam").String()), startReview("everything", events.ReviewAll),
		decided("pam's", "pam", "temp", false), revoke("pam", "own.b").on("asset/1"), decided("pam's", "pam", "own.b", true),
		closeReview("pam's", false), decided("everything", "pam", "temp", false), closeReview("everything", true),
	}
}

// with signs steps with a credential other than the owner's first.
func with(credential string, steps ...step) (all []step) {
	for _, st := range steps {
		if st.actor == "" {
			st = st.signedWith(did(credential))
		}
		all = append(all, st)
	}
	return all
}

// goldenQuestions are the permissions of which the answers say who has them.
var goldenQuestions = []string{
	"own.a", "own.q", "own.report", "own.x", "own.y", "own.z", "bank:asset.view", "bank:view", "ledger:import", "ledger:role.assign", "ledger:role.create",
	"shop:asset.create", "shop:asset.verify", "shop:asset.view", "shop:audit", "shop:internal", "shop:list", "shop:wallet.freeze", "shop:wallet.pause", "nothing",
}

// newerQuestions are those of version 2.
var newerQuestions = []string{"desk:assigned", "desk:create", "desk:published", "desk:read", "ledger:access.delegate", "ledger:role.delegate"}

// goldenRefusals is what version 1 of the rules refuses after the history, in these words.
func goldenRefusals() []any {
	return given(
		opening(plain), add("new"), add("new").by("bob").signedWith(did("bob2")), add("new").by("joe"),
		with("owner4", add("ann"), create("reader"), create("x"), create("x", "shop:lost"), create("x", "shop:audit"), create("x", "own.report").but(func(c *events.Command) { c.Data.(*events.RoleCreated).Name = " " }), remove("reader"), remove("short"), remove("auditor"), assign("joe", "reader"), assign("bob", "reader"), grant("bob", "shop:internal"),
			set("bob", "own.report"), revoke("bob", "shop:list"), takeFrom("auditor", "shop:asset.view"), addTo("reader", "shop:asset.view"),
			rotate("root2", "root3"), revokeKey("document2"), revokeKey("owner4").after(time.Hour), revokeKey("event4"), register("bob", events.PurposeCredential, "bob"),
			publish("ledger", perm("x")), issue("role/"+id("imported").String()), deactivate("owner")),
		create("x", "shop:list").by("ann").signedWith(did("ann2")), assign("bob", "auditor").by("ann").signedWith(did("ann2")),
		add("new").signedWith(did("owner4")).imported(events.Import{Format: "role-history", Source: "old system", Record: "9", Occurred: start.AddDate(0, 0, -21)}),
		ended(20).signedWith(did("event4")),
		with("owner4", rotate("operator2", "operator3"), add("new").but(func(c *events.Command) { c.ID = events.ImportID(events.Import{Format: "csv", Record: "1"}) })),
		grant("joe", "ledger:permission.grant").by("job"), grant("reg", "ledger:permission.grant").by("job"), grant("reg", "shop:list").by("job"),
	)
}

// goldenLives is what came with subjects that join, leave and are spoken of.
func goldenLives() []any {
	ref := "crm 9"
	return given(
		with("owner4", invite("pat", "short#2"), removeSubject("pat"), inviteBy("pat", "second code", "short#2"), grant("pat", "own.report").on("asset/1")),
		joinBy("pat", "second code", "pat").but(func(c *events.Command) { c.Data.(*events.SubjectJoined).Login = events.Digest{5} }),
		with("owner4", addWith("eve", func(d *events.SubjectAdded) {
			d.Auth, d.Reference, d.Properties = events.AuthEmail, "crm 8", []events.Property{{Name: "country", Value: "LU"}, {Name: "desk"}}
			d.Email, d.DisplayName = events.Digest{3}, events.Digest{4}
		}), apiKey("ci", "short#2"), updateSubject("ci", func(d *events.SubjectUpdated) { d.Holder = id("eve") }),
			updateSubject("eve", func(d *events.SubjectUpdated) {
				d.Reference, d.Properties, d.Email = &ref, []events.Property{{Name: "country", Value: "EE"}}, events.Digest{6}
			}), link("eve", cow), link("eve", "did:web:eve.example"), unlink("eve", "did:web:eve.example"),
			step{data: &events.SubjectAdded{Subject: id("cow"), Key: cow, Kind: events.KindWallet, DID: cowDID, Auth: events.AuthWallet}},
			deactivate("eve"), reactivate("eve"), invite("zoe", "short#2")),
		changeLogin("pat", "pat", events.Digest{7}).by("pat"), rotate("ci", "ci2").by("eve"),
		with("owner4", erase("eve", events.Digest{3}, events.Digest{4}), updateSubject("ci", func(d *events.SubjectUpdated) { d.Unassigned = true }), removeSubject("ci")),
	)
}
