/// The statements that one connection has prepared, by text.
struct StatementCache {
    /// How to send a statement.
    enum Lookup: Equatable {
        /// The server knows it under this name.
        case prepared(String)
        /// Prepare it under this name first, in the same round trip.
        case prepare(String)
        /// Send the text.
        case unprepared
    }

    private let countMax: Int
    private var names: [PostgresStatement: String] = [:]
    private var lastNumber = 0

    init(countMax: Int) {
        self.countMax = countMax
    }

    /// How to send a statement; after `prepare` the cache takes it for prepared until `forget`.
    mutating func lookup(_ statement: PostgresStatement) -> Lookup {
        guard statement.isPrepared else { return .unprepared }
        if let name = names[statement] { return .prepared(name) }
        guard names.count < countMax else { return .unprepared }
        lastNumber += 1
        let name = "s\(lastNumber)"
        names[statement] = name
        return .prepare(name)
    }

    /// Preparing failed, or never happened because the pipeline was aborted before.
    mutating func forget(_ statement: PostgresStatement) {
        names[statement] = nil
    }
}
