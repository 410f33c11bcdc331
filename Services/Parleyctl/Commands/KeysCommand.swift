import Domain
import OpenSSL
import Postgres
import Store

/// `parleyctl keys create`: makes an API key and shows it, once.
enum KeysCommand: Command {
    static let name = "keys"
    static let usage = "parleyctl keys create [--tenant default] [--name NAME]"

    static func run(_ arguments: inout Arguments) async throws {
        guard arguments.next() == "create" else { throw UsageError(reason: "keys can be created, nothing else") }
        let tenant = try arguments.option("--tenant") ?? Identifier.defaultTenant
        let name = try arguments.option("--name") ?? "parleyctl"
        try arguments.finish()
        guard Identifier.isValid(tenant) else { throw UsageError(reason: "the tenant is no valid id") }
        let database = try PostgresClient(configuration: try OperatorSettings.serviceDatabase())
        database.start()
        let key = "pk_" + secret()
        let credential = Credential(tenantID: tenant, keyID: Identifier.make(), scopes: [])
        do {
            try await CredentialStore(database: database).insert(
                hash: Digest.sha256Hex(key.utf8),
                credential: credential,
                name: name
            )
        } catch {
            await database.close()
            throw error
        }
        await database.close()
        Console.print(key)
    }

    private static func secret() -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
        var generator = SystemRandomNumberGenerator()
        // 43 characters of 62 hold as much as 32 bytes.
        return String((0..<43).compactMap { _ in alphabet.randomElement(using: &generator) })
    }
}
