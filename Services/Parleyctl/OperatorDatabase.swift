import Domain
import Postgres

/// The database, for the time of one command.
enum OperatorDatabase {
    /// Runs `body` with a pool as the role of the services, and closes it.
    static func with<Value>(_ body: (PostgresClient) async throws -> Value) async throws -> Value {
        let database = try PostgresClient(configuration: try OperatorSettings.serviceDatabase())
        database.start()
        do {
            let value = try await body(database)
            await database.close()
            return value
        } catch {
            await database.close()
            throw error
        }
    }
}

/// Checks what names things.
enum OperatorInput {
    /// An id that an operator gave.
    ///
    /// - Throws: ``UsageError`` when it may not be one; `what` names it.
    static func identifier(_ text: String, _ what: String) throws -> String {
        guard Identifier.isValid(text) else {
            throw UsageError(
                reason: "\(what) is \(TerminalText.quoted(text)); it must be 1 to \(Identifier.charactersMax) "
                    + "characters out of A-Z a-z 0-9 . _ : -"
            )
        }
        return text
    }

    /// A name for people.
    ///
    /// - Throws: ``UsageError`` when it is empty, long, or has control characters.
    static func name(_ text: String, _ what: String) throws -> String {
        let isPlain = text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
        guard !text.isEmpty, text.count <= nameCharactersMax, isPlain else {
            throw UsageError(reason: "\(what) must be 1 to \(nameCharactersMax) characters without control characters")
        }
        return text
    }

    /// The most characters of a name.
    static let nameCharactersMax = 200
}
