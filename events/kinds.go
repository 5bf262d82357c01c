package events

// kinds grows and never shrinks: the log keeps the bytes of all of them. A new type goes here, into a file of its own
// kind with its members, into ledger/rules (decide and evolve), into the projections that care, and into schemas/ with
// `go generate ./schemas`; the tests name whatever was forgotten.
var kinds = map[Type]kind{
	"catalogue.published":   {1, func() Data { return new(CataloguePublished) }},
	"document.issued":       {1, func() Data { return new(DocumentIssued) }},
	"grant.ended":           {1, func() Data { return new(GrantEnded) }},
	"key.registered":        {1, func() Data { return new(KeyRegistered) }},
	"key.reported":          {1, func() Data { return new(KeyReported) }},
	"key.revoked":           {1, func() Data { return new(KeyRevoked) }},
	"key.rotated":           {1, func() Data { return new(KeyRotated) }},
	"key.succeeded":         {1, func() Data { return new(KeySucceeded) }},
	"organization.opened":   {2, func() Data { return new(OrganizationOpened) }},
	"organization.updated":  {1, func() Data { return new(OrganizationUpdated) }},
	"ownership.recovered":   {1, func() Data { return new(OwnershipRecovered) }},
	"ownership.transferred": {1, func() Data { return new(OwnershipTransferred) }},
	"permission.granted":    {2, func() Data { return new(PermissionGranted) }},
	"permission.revoked":    {1, func() Data { return new(PermissionRevoked) }},
	"permissions.recorded":  {1, func() Data { return new(PermissionsRecorded) }},
	"permissions.set":       {1, func() Data { return new(PermissionsSet) }},
	"recovery.started":      {1, func() Data { return new(RecoveryStarted) }},
	"recovery.stopped":      {1, func() Data { return new(RecoveryStopped) }},
	"role.assigned":         {1, func() Data { return new(RoleAssigned) }},
	"role.created":          {2, func() Data { return new(RoleCreated) }},
	"role.defaulted":        {1, func() Data { return new(RoleDefaulted) }},
	"role.deleted":          {1, func() Data { return new(RoleDeleted) }},
	"role.revoked":          {1, func() Data { return new(RoleRevoked) }},
	"role.updated":          {1, func() Data { return new(RoleUpdated) }},
	"roles.set":             {1, func() Data { return new(RolesSet) }},
	"rules.adopted":         {1, func() Data { return new(RulesAdopted) }},
	"subject.added":         {1, func() Data { return new(SubjectAdded) }},
	"subject.deactivated":   {1, func() Data { return new(SubjectDeactivated) }},
}
