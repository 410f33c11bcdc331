import JSON
package import Memory
package import Postgres
import Store

/// A pattern with all that a node stores of it.
package struct StoredPattern: Sendable, Equatable {
    /// The pattern.
    package var pattern: Pattern
    /// How many emotives the last learning kept.
    package var emotivesKept: Int
    /// For each emotive the sum over all learnings.
    package var affinity: [String: Double]

    /// Puts the parts together.
    package init(pattern: Pattern, emotivesKept: Int, affinity: [String: Double]) {
        self.pattern = pattern
        self.emotivesKept = emotivesKept
        self.affinity = affinity
    }
}

/// How much a node holds.
package struct MemoryStatistics: Sendable, Equatable {
    /// Patterns.
    package let patterns: Int
    /// How often they were learned, all together.
    package let frequency: Int
    /// Vectors.
    package let vectors: Int
    /// Different symbols in the patterns.
    package let symbols: Int
    /// Sessions that have not expired.
    package let sessions: Int
    /// The size of the rows of patterns and vectors in bytes, as they are stored; without indexes.
    package let bytes: Int
}

/// Moves what a node has learned out of the database and into it, a piece at a time.
///
/// A page is one statement and a batch one transaction. What changes while pages are read may be in them as it was
/// before or as it is after, pattern by pattern.
package struct MemoryTransfer: Sendable {
    private let database: PostgresClient
    private let node: MemoryNodeKey

    /// Names the node.
    package init(database: PostgresClient, node: MemoryNodeKey) {
        self.database = database
        self.node = node
    }

    /// Whether the tenant is there.
    /// - Throws: `PostgresError`.
    package func tenantExists() async throws -> Bool {
        try await rows(MemoryTransferSQL.tenant, [.text(node.tenantID)]).isEmpty == false
    }

    /// Whether the node is there.
    /// - Throws: `PostgresError`.
    package func nodeExists() async throws -> Bool {
        try await rows(MemoryTransferSQL.node, names).isEmpty == false
    }

    /// The patterns behind a name, in the order of names; from the first on for nil.
    /// - Throws: `PostgresError`.
    package func patterns(after name: PatternName?, limit: Int) async throws -> [StoredPattern] {
        let rows = try await rows(MemoryTransferSQL.patterns, names + [.text(name?.hex ?? ""), .int(limit)])
        return try rows.map { row in
            let (pattern, affinity) = try MemoryRows.pattern(row)
            return StoredPattern(pattern: pattern, emotivesKept: try row.int("emotives_kept"), affinity: affinity)
        }
    }

    /// The vectors behind a symbol, in the order of their symbols; from the first on for nil.
    /// - Throws: `PostgresError`.
    package func vectors(after symbol: String?, limit: Int) async throws -> [(symbol: String, elements: [Double])] {
        let rows = try await rows(MemoryTransferSQL.vectors, names + [.text(symbol ?? ""), .int(limit)])
        return try rows.map { row in
            let elements = try MemoryRows.parse(row.json("elements")).arrayValue ?? []
            return (try row.string("name"), elements.compactMap(\.doubleValue))
        }
    }

    /// Writes patterns and vectors in one transaction; makes the node where it is not there.
    ///
    /// The node's number moves with them, so that every gateway reads them before its next prediction.
    /// - Parameters:
    ///   - patterns: Each at most once.
    ///   - vectors: Each at most once.
    ///   - adds: Whether patterns are added to those of the same name, instead of taking their place.
    /// - Returns: How many patterns and vectors are new or changed.
    /// - Throws: `PostgresError`; then none was written.
    package func write(_ patterns: [StoredPattern], vectors: [[Double]], adds: Bool) async throws -> Int {
        var statements: [(PostgresStatement, [PostgresParameter])] = []
        if !vectors.isEmpty {
            let rows: [PostgresParameter] = [
                .textArray(vectors.map(VectorSymbol.make)), .textArray(vectors.map(MemoryRows.text)),
            ]
            statements.append((MemoryTransferSQL.setVectors, names + rows))
        }
        if !patterns.isEmpty {
            let rows: [PostgresParameter] = [
                .textArray(patterns.map(\.pattern.name.hex)), .intArray(patterns.map { Int64($0.pattern.frequency) }),
                .textArray(patterns.map { MemoryRows.text($0.pattern.events) }),
                .textArray(patterns.map { MemoryRows.text($0.pattern.emotives) }),
                .intArray(patterns.map { Int64($0.emotivesKept) }),
                .textArray(patterns.map { MemoryRows.text($0.pattern.metadata) }),
                .textArray(patterns.map { MemoryRows.text($0.affinity) }),
            ]
            statements.append(
                adds
                    ? (MemoryTransferSQL.addPatterns, names + rows + [.int(Pattern.frequencyLimit)])
                    : (MemoryTransferSQL.setPatterns, names + rows)
            )
        }
        let results = try await database.batch(settings: TenantScope.settings([node.tenantID]), statements)
        return results.reduce(0) { $0 + $1.affectedRows }
    }

    /// How much the node holds; reads all of it.
    /// - Throws: `PostgresError`.
    package func statistics() async throws -> MemoryStatistics? {
        try await rows(MemoryTransferSQL.statistics, names).first.map { row in
            MemoryStatistics(
                patterns: try row.int("patterns"),
                frequency: try row.int("frequency"),
                vectors: try row.int("vectors"),
                symbols: try row.int("symbols"),
                sessions: try row.int("sessions"),
                bytes: try row.int("bytes")
            )
        }
    }

    private var names: [PostgresParameter] { [.text(node.tenantID), .text(node.nodeID)] }

    private func rows(_ statement: PostgresStatement, _ parameters: [PostgresParameter]) async throws -> PostgresRows {
        try await database.batch(settings: TenantScope.settings([node.tenantID]), [(statement, parameters)])[0].rows
    }
}
