package import Postgres

/// How long finished things are kept that are no part of a conversation.
package struct RetentionConfiguration: Sendable {
    /// How long the journal of a turn and the run of a tool are kept after their end.
    ///
    /// They are the marks by which an event that comes again is known, so this must outlast every redelivery: a topic
    /// may deliver a record once more as long as it keeps it (``topics``), that delivery may become a dead letter, and
    /// an operator may send that again as long as it is kept (``deadLetters``). Default 38 days.
    package var journal: Duration = .seconds(38 * 86_400)
    /// How long a dead letter is kept after it last came.
    ///
    /// Default 30 days.
    package var deadLetters: Duration = .seconds(30 * 86_400)
    /// How long the tokens that were used on a day are kept after it.
    ///
    /// Default 400 days: whoever settles once a year still finds them.
    package var usage: Duration = .seconds(400 * 86_400)
    /// How often one of the services removes what is older.
    ///
    /// Default 1 minute.
    package var interval: Duration = .seconds(60)
    /// How many turns, runs, keys, dead letters or days of use one transaction removes at most.
    ///
    /// Default 500.
    package var batchMax = 500

    /// The defaults.
    package init() {}

    /// How long topics are taken to keep records: 7 days, which is Kafka's own default.
    package static let topics: Duration = .seconds(7 * 86_400)

    /// Whether whatever is sent again finds the mark of what was done: otherwise a tool might run a second time.
    package var outlastsRedelivery: Bool { journal > deadLetters + Self.topics }
}

/// Removes rows whose time is over, a bounded number in each transaction.
///
/// Whoever finds the lock taken leaves the work to its holder, so that of many services one works at a time.
package final class RetentionStore: Sendable {
    /// Of which kind rows were removed.
    package enum Kind: Sendable, CaseIterable {
        /// Journals of turns.
        case journals
        /// Runs of tools.
        case toolRuns
        /// Keys of requests.
        case idempotencyKeys
        /// Dead letters.
        case deadLetters
        /// Tokens that were used.
        case usage
    }

    private let database: PostgresClient
    private let configuration: RetentionConfiguration
    private let store: StoreConfiguration

    /// Makes a store.
    package init(database: PostgresClient, configuration: RetentionConfiguration, store: StoreConfiguration) {
        self.database = database
        self.configuration = configuration
        self.store = store
    }

    /// Removes one batch of a kind.
    /// - Parameters:
    ///   - kind: What to remove.
    ///   - tenants: Whose.
    /// - Returns: Whether there may be more.
    /// - Throws: `PostgresError`.
    package func removeBatch(_ kind: Kind, tenants: [String]) async throws -> Bool {
        if tenants.isEmpty { return false }
        let (statement, age) =
            switch kind {
            case .journals: (RetentionSQL.journals, configuration.journal)
            case .toolRuns: (RetentionSQL.toolRuns, configuration.journal)
            case .idempotencyKeys: (RetentionSQL.idempotencyKeys, store.idempotencyRetention)
            case .deadLetters: (RetentionSQL.deadLetters, configuration.deadLetters)
            case .usage: (RetentionSQL.usage, configuration.usage)
            }
        let results = try await database.batch(
            settings: TenantScope.settings(tenants),
            [(statement, [.textArray(tenants), .int(age.milliseconds), .int(configuration.batchMax)])]
        )
        return try results[0].rows.first?.int("found") == configuration.batchMax
    }
}
