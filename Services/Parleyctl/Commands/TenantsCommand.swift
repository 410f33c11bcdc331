import Domain
import Postgres
import Store

/// `parleyctl tenants`: the organisations that everything belongs to.
enum TenantsCommand: Command {
    static let name = "tenants"
    static let summary = "create and list tenants"
    static let usage = "parleyctl tenants create TENANT [--name NAME]\nparleyctl tenants list"
    static let details = """
        TENANT is an id of 1 to 128 characters out of A-Z a-z 0-9 . _ : - and never changes; NAME is for people.
        Reads PARLEY_DATABASE_URL.
        """

    /// How many tenants are asked for at once.
    private static let pageMax = 1000

    static func run(_ arguments: inout Arguments) async throws {
        let name = try arguments.option("--name")
        let verb = try arguments.require("create or list")
        switch verb {
        case "create":
            let tenant = try OperatorInput.identifier(try arguments.require("TENANT"), "TENANT")
            try arguments.finish()
            try await create(tenant, name: try OperatorInput.name(name ?? tenant, "--name"))
        case "list":
            try arguments.finish()
            if name != nil { throw UsageError(reason: "--name goes with create only") }
            try await list()
        default:
            throw UsageError(reason: "tenants can be created or listed, not \(TerminalText.quoted(verb))")
        }
    }

    private static func create(_ tenant: String, name: String) async throws {
        let isNew = try await OperatorDatabase.with { database in
            try await TenantStore(database: database).create(tenant, name: name)
        }
        guard isNew else {
            throw OperatorError(.exists, "there is a tenant \(tenant) already: choose another id")
        }
        Console.print("tenant \(tenant) is there; make a key with parleyctl keys create --tenant \(tenant)")
    }

    private static func list() async throws {
        let tenants = try await OperatorDatabase.with { database in
            let store = TenantStore(database: database)
            var tenants: [Tenant] = []
            while true {
                let page = try await store.list(after: tenants.last?.tenantID, limit: pageMax)
                tenants += page
                if page.count < pageMax { return tenants }
            }
        }
        let rows = tenants.map { [$0.tenantID, TerminalText.clean($0.name), $0.createdAt] }
        for line in TerminalText.table([["TENANT", "NAME", "CREATED"]] + rows) {
            Console.print(line)
        }
    }
}
