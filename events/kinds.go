package events

// kinds grows and never shrinks: the log keeps the bytes of all of them. A new type goes here, into a file of its own
// kind with its members, into ledger/rules (decide and evolve), into the projections that care, and into schemas/ with
// `go generate ./schemas`; the tests name whatever was forgotten.
var kinds = map[Type]kind{
	"catalogue.published":  {1, func() Data { return new(CataloguePublished) }},
	"document.issued":      {1, func() Data { return new(DocumentIssued) }},
	"grant.ended":          {1, func() Data { return new(GrantEnded) }},
	"key.registered":       {1, func() Data { return new(KeyRegistered) }},
	"key.reported":         {1, func() Data { return new(KeyReported) }},
	"key.revoked":          {1, func() Data { return new(KeyRevoked) }},
	"key.rotated":          {1, func() Data { return new(KeyRotated) }},
	"key.succeeded":        {1, func() Data { return new(KeySucceeded) }},
	"organization.opened":  {2, func() Data { return new(OrganizationOpened) }},
	"login.changed":        {1, func() Data { return new(LoginChanged) }},
	"permission.granted":   {2, func() Data { return new(PermissionGranted) }},
	"permission.revoked":   {1, func() Data { return new(PermissionRevoked) }},
	"permissions.recorded": {1, func() Data { return new(PermissionsRecorded) }},
	"permissions.set":      {1, func() Data { return new(PermissionsSet) }},
	"role.assigned":        {1, func() Data { return new(RoleAssigned) }},
	"role.created":         {1, func() Data { return new(RoleCreated) }},
	"role.deleted":         {1, func() Data { return new(RoleDeleted) }},
	"role.revoked":         {1, func() Data { return new(RoleRevoked) }},
	"role.updated":         {1, func() Data { return new(RoleUpdated) }},
	"roles.set":            {1, func() Data { return new(RolesSet) }},
	"subject.added":        {2, func() Data { return new(SubjectAdded) }},
	"subject.deactivated":  {1, func() Data { return new(SubjectDeactivated) }},
	"subject.erased":       {1, func() Data { return new(SubjectErased) }},
	"subject.invited":      {1, func() Data { return new(SubjectInvited) }},
	"subject.joined":       {1, func() Data { return new(SubjectJoined) }},
	"subject.linked":       {1, func() Data { return new(SubjectLinked) }},
	"subject.reactivated":  {1, func() Data { return new(SubjectReactivated) }},
	"subject.removed":      {1, func() Data { return new(SubjectRemoved) }},
	"subject.unlinked":     {1, func() Data { return new(SubjectUnlinked) }},
	"subject.updated":      {1, func() Data { return new(SubjectUpdated) }},
}
