package events

// kinds grows and never shrinks: the log keeps the bytes of all of them. A new type goes here, into a file of its own
// kind with its members, into ledger/rules (decide and evolve), into the projections that care, and into schemas/ with
// `go generate ./schemas`; the tests name whatever was forgotten.
var kinds = map[Type]kind{
	"access.assigned":      {1, func() Data { return new(AccessAssigned) }},
	"access.delegated":     {1, func() Data { return new(AccessDelegated) }},
	"access.unassigned":    {1, func() Data { return new(AccessUnassigned) }},
	"catalogue.published":  {2, func() Data { return new(CataloguePublished) }},
	"document.issued":      {1, func() Data { return new(DocumentIssued) }},
	"grant.ended":          {1, func() Data { return new(GrantEnded) }},
	"key.registered":       {1, func() Data { return new(KeyRegistered) }},
	"key.reported":         {1, func() Data { return new(KeyReported) }},
	"key.revoked":          {1, func() Data { return new(KeyRevoked) }},
	"key.rotated":          {1, func() Data { return new(KeyRotated) }},
	"key.succeeded":        {1, func() Data { return new(KeySucceeded) }},
	"organization.opened":  {2, func() Data { return new(OrganizationOpened) }},
	"permission.granted":   {3, func() Data { return new(PermissionGranted) }},
	"permission.revoked":   {1, func() Data { return new(PermissionRevoked) }},
	"permissions.recorded": {1, func() Data { return new(PermissionsRecorded) }},
	"permissions.set":      {1, func() Data { return new(PermissionsSet) }},
	"resource.registered":  {1, func() Data { return new(ResourceRegistered) }},
	"resource.removed":     {1, func() Data { return new(ResourceRemoved) }},
	"resource.updated":     {1, func() Data { return new(ResourceUpdated) }},
	"review.closed":        {1, func() Data { return new(ReviewClosed) }},
	"review.decided":       {1, func() Data { return new(ReviewDecided) }},
	"review.started":       {1, func() Data { return new(ReviewStarted) }},
	"role.assigned":        {2, func() Data { return new(RoleAssigned) }},
	"role.created":         {1, func() Data { return new(RoleCreated) }},
	"role.delegated":       {1, func() Data { return new(RoleDelegated) }},
	"role.deleted":         {1, func() Data { return new(RoleDeleted) }},
	"role.reviewed":        {1, func() Data { return new(RoleReviewed) }},
	"role.revoked":         {1, func() Data { return new(RoleRevoked) }},
	"role.updated":         {1, func() Data { return new(RoleUpdated) }},
	"roles.set":            {1, func() Data { return new(RolesSet) }},
	"subject.added":        {1, func() Data { return new(SubjectAdded) }},
	"subject.deactivated":  {1, func() Data { return new(SubjectDeactivated) }},
}
