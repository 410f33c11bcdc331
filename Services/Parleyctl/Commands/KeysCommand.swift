import Domain
import OpenSSL
import Postgres
import Store

/// `parleyctl keys`: makes API keys (shown once), lists and revokes them.
enum KeysCommand: Command {
    static let name = "keys"
    static let summary = "create, list and revoke API keys"
    static let usage = """
        parleyctl keys create [--tenant default] [--name NAME] [--scope messages,admin]
        parleyctl keys list [--tenant default]
        parleyctl keys revoke KEY_ID [--tenant default]
        """
    static let details = """
        create prints the new key, once: only its hash is stored. Without --scope a key may do everything; with it only
        what is named: messages (conversations, tools), admin (/v1/admin). list shows ids, never keys. A revoked key is
        refused as soon as gateways have forgotten it, 10 seconds later at the latest.
        Reads PARLEY_DATABASE_URL.
        """

    static func run(_ arguments: inout Arguments) async throws {
        let tenant = try OperatorInput.identifier(
            try arguments.option("--tenant") ?? Identifier.defaultTenant,
            "--tenant"
        )
        let name = try arguments.option("--name")
        let scopes = try arguments.option("--scope")
        let verb = try arguments.require("create, list or revoke")
        if name != nil || scopes != nil, verb != "create" {
            throw UsageError(reason: "--name and --scope go with create only")
        }
        switch verb {
        case "create":
            try arguments.finish()
            try await create(
                tenant,
                name: try OperatorInput.name(name ?? "parleyctl", "--name"),
                scopes: try self.scopes(scopes)
            )
        case "list":
            try arguments.finish()
            try await list(tenant)
        case "revoke":
            let keyID = try OperatorInput.identifier(try arguments.require("KEY_ID"), "KEY_ID")
            try arguments.finish()
            try await revoke(keyID, tenant)
        default:
            throw UsageError(reason: "keys can be created, listed or revoked, not \(TerminalText.quoted(verb))")
        }
    }

    /// The scopes that `text` names, parted by commas; none for nil.
    private static func scopes(_ text: String?) throws -> [CredentialScope] {
        guard let text else { return [] }
        return try text.split(separator: ",", omittingEmptySubsequences: false).map { name in
            guard let scope = CredentialScope(rawValue: String(name)) else {
                let known = CredentialScope.allCases.map(\.rawValue).joined(separator: " or ")
                throw UsageError(reason: "--scope knows \(known), not \(TerminalText.quoted(String(name)))")
            }
            return scope
        }
    }

    private static func create(_ tenant: String, name: String, scopes: [CredentialScope]) async throws {
        let key = "pk_" + secret()
        let credential = Credential(tenantID: tenant, keyID: Identifier.make(), scopes: scopes.map(\.rawValue))
        try await OperatorDatabase.with { database in
            do {
                try await CredentialStore(database: database).insert(
                    hash: Digest.sha256Hex(key.utf8),
                    credential: credential,
                    name: name
                )
            } catch let error as PostgresError where error.sqlState == "23503" {
                throw OperatorError(
                    .unknown,
                    "there is no tenant \(tenant): make it with parleyctl tenants create \(tenant)"
                )
            }
        }
        Console.note("key \(credential.keyID) of tenant \(tenant); it is shown this once:")
        Console.print(key)
    }

    private static func list(_ tenant: String) async throws {
        let keys = try await OperatorDatabase.with { database in
            guard try await TenantStore(database: database).exists(tenant) else {
                throw OperatorError(.unknown, "there is no tenant \(tenant): parleyctl tenants list shows them")
            }
            return try await CredentialStore(database: database).keys(tenantID: tenant)
        }
        let rows = keys.map { key in
            [
                key.keyID, TerminalText.clean(key.name), key.scopes.isEmpty ? "all" : key.scopes.joined(separator: ","),
                key.createdAt, key.revokedAt.map { "revoked \($0)" } ?? "active",
            ]
        }
        for line in TerminalText.table([["KEY_ID", "NAME", "SCOPES", "CREATED", "STATE"]] + rows) {
            Console.print(line)
        }
    }

    private static func revoke(_ keyID: String, _ tenant: String) async throws {
        let isRevoked = try await OperatorDatabase.with { database in
            try await CredentialStore(database: database).revoke(keyID: keyID, tenantID: tenant)
        }
        guard isRevoked else {
            throw OperatorError(
                .unknown,
                "tenant \(tenant) has no active key \(keyID): parleyctl keys list --tenant \(tenant) shows its keys"
            )
        }
        Console.print("key \(keyID) of tenant \(tenant) is revoked; gateways refuse it within 10 seconds")
    }

    private static func secret() -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
        var generator = SystemRandomNumberGenerator()
        // 43 characters of 62 hold as much as 32 bytes.
        return String((0..<43).compactMap { _ in alphabet.randomElement(using: &generator) })
    }
}
