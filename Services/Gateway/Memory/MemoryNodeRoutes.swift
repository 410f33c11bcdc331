import Domain
import HTTPServer
import JSON
import Memory
import MemoryStore

/// What clients may look up about nodes.
struct MemoryNodeRoutes: Sendable {
    let nodes: MemoryNodes

    /// `GET /pattern/{name}?node_id=`.
    func pattern(_ routed: RoutedRequest) async throws -> HTTPResponse {
        let node = try node(routed)
        let text = try routed.parameter("name")
        var pattern: Pattern?
        if let name = PatternName(text) { pattern = try await nodes.pattern(name, in: node) }
        return .json(MemoryAnswers.pattern(pattern, named: text, nodeID: node.nodeID))
    }

    /// `GET /symbols/stats?node_id=`.
    func statistics(_ routed: RoutedRequest) async throws -> HTTPResponse {
        let node = try node(routed)
        return .json(
            try await nodes.compute(node, prepare: { $0.statistics() }) { statistics in
                Self.answer(statistics, node.nodeID) { symbol, writer in
                    writer.beginObject()
                    writer.member("name", symbol.name)
                    writer.member("frequency", symbol.frequency)
                    writer.member("pattern_member_frequency", symbol.patternMemberFrequency)
                    writer.endObject()
                }
            }
        )
    }

    /// `GET /symbols/affinity?node_id=`: of the symbols that have any.
    func affinities(_ routed: RoutedRequest) async throws -> HTTPResponse {
        let node = try node(routed)
        return .json(
            try await nodes.compute(node, prepare: { $0.statistics() }) { statistics in
                Self.answer(statistics.filter { !$0.affinity.isEmpty }, node.nodeID) { symbol, writer in
                    writer.value(Self.affinity(of: symbol))
                }
            }
        )
    }

    /// `GET /symbols/{symbol}/affinity?node_id=`.
    func affinity(_ routed: RoutedRequest) async throws -> HTTPResponse {
        let node = try node(routed)
        let name = try routed.parameter("symbol")
        let symbol = try await nodes.compute(node, prepare: { $0.statistics(of: name) }, { $0 })
        return .json([
            "symbol": .string(name), "affinity": symbol.map(Self.affinity) ?? [:], "node_id": .string(node.nodeID),
        ])
    }

    private static func affinity(of symbol: SymbolStatistics) -> JSONValue {
        .object(
            JSONObject(
                symbol.affinity.sorted { $0.key < $1.key }.map { .init(key: $0.key, value: .double($0.value)) }
            )
        )
    }

    private static func answer(
        _ symbols: [SymbolStatistics],
        _ nodeID: String,
        _ write: (SymbolStatistics, inout JSONWriter) -> Void
    ) -> [UInt8] {
        var writer = JSONWriter(capacity: 128 + 96 * symbols.count)
        writer.beginObject()
        writer.key("symbols")
        writer.beginObject()
        for symbol in symbols {
            writer.key(dynamic: symbol.name)
            write(symbol, &writer)
        }
        writer.endObject()
        writer.member("node_id", nodeID)
        writer.endObject()
        return writer.bytes
    }

    private func node(_ routed: RoutedRequest) throws -> MemoryNodeKey {
        // Earlier clients say processor_id or user_id.
        let names = ["node_id", "processor_id", "user_id"]
        guard let nodeID = names.lazy.compactMap(routed.request.query).first, MemoryRequests.isNode(nodeID) else {
            let reason = "is required in the query: 1 to \(MemoryRequests.nodeBytesMax) bytes"
            throw Problem.invalid([(name: "node_id", reason: reason)])
        }
        return MemoryNodeKey(tenantID: routed.tenantID, nodeID: nodeID)
    }
}
