package events

// kinds grows and never shrinks: the log keeps the bytes of all of them. A new type goes here, into a file of its own
// kind with its members, into ledger/rules (decide and evolve), into the projections that care, and into schemas/ with
// `go generate ./schemas`; the tests name whatever was forgotten.
var kinds = map[Type]kind{
	"agent.added":           {1, func() Data { return new(AgentAdded) }},
	"agent.removed":         {1, func() Data { return new(AgentRemoved) }},
	"catalogue.published":   {2, func() Data { return new(CataloguePublished) }},
	"chain.observed":        {1, func() Data { return new(ChainObserved) }},
	"document.issued":       {1, func() Data { return new(DocumentIssued) }},
	"grant.ended":           {1, func() Data { return new(GrantEnded) }},
	"investor.disqualified": {1, func() Data { return new(InvestorDisqualified) }},
	"investor.qualified":    {1, func() Data { return new(InvestorQualified) }},
	"key.registered":        {1, func() Data { return new(KeyRegistered) }},
	"key.reported":          {1, func() Data { return new(KeyReported) }},
	"key.revoked":           {1, func() Data { return new(KeyRevoked) }},
	"key.rotated":           {1, func() Data { return new(KeyRotated) }},
	"key.succeeded":         {1, func() Data { return new(KeySucceeded) }},
	"organization.opened":   {2, func() Data { return new(OrganizationOpened) }},
	"permission.granted":    {2, func() Data { return new(PermissionGranted) }},
	"permission.revoked":    {1, func() Data { return new(PermissionRevoked) }},
	"permissions.recorded":  {1, func() Data { return new(PermissionsRecorded) }},
	"permissions.set":       {1, func() Data { return new(PermissionsSet) }},
	"role.assigned":         {1, func() Data { return new(RoleAssigned) }},
	"role.created":          {1, func() Data { return new(RoleCreated) }},
	"role.deleted":          {1, func() Data { return new(RoleDeleted) }},
	"role.revoked":          {1, func() Data { return new(RoleRevoked) }},
	"role.updated":          {1, func() Data { return new(RoleUpdated) }},
	"roles.set":             {1, func() Data { return new(RolesSet) }},
	"subject.added":         {1, func() Data { return new(SubjectAdded) }},
	"subject.deactivated":   {1, func() Data { return new(SubjectDeactivated) }},
	"token.acted":           {1, func() Data { return new(TokenActed) }},
	"token.deployed":        {1, func() Data { return new(TokenDeployed) }},
	"token.transferred":     {1, func() Data { return new(TokenTransferred) }},
	"token.updated":         {1, func() Data { return new(TokenUpdated) }},
	"wallet.blocked":        {1, func() Data { return new(WalletBlocked) }},
	"wallet.unblocked":      {1, func() Data { return new(WalletUnblocked) }},
}
