import Domain
import JSON
import Memory
import MemoryStore
import Postgres

/// `parleyctl memory`: what a node has learned, out of the database and into it.
enum MemoryCommand: Command {
    static let name = "memory"
    static let summary = "export, import and count what a node has learned"
    static let usage = """
        parleyctl memory export [--tenant default] [--file FILE] NODE
        parleyctl memory import [--tenant default] [--file FILE] [--add] [--skip-bad] NODE
        parleyctl memory stats [--tenant default] NODE
        """
    static let details = """
        export writes JSON Lines to standard output or FILE, which appears when it is whole: vectors, then patterns,
        {"name", "events": [[...]], "frequency", "emotives": {name: [...]}, "metadata": {key: [...]}, "affinity",
        "emotives_kept"}. An emotive's list has a place for each observation kept, null where it was not given.
        import reads them from standard input or FILE, 500 lines in a transaction, and makes the node if need be.
        affinity and emotives_kept may be missing. A pattern that is there already is set to what the line says, so an
        import can be run again; --add adds frequency, emotives, metadata and affinity to it instead, and must not be.
        It ends at the first line that is wrong, with exit code 1, when those before it are imported; --skip-bad
        leaves such lines out and names them. Gateways see what is imported at their next prediction.
        Reads PARLEY_DATABASE_URL.
        """

    /// Patterns, and vectors, of one page.
    static let pageSize = 500

    static func run(_ arguments: inout Arguments) async throws {
        let tenant = try OperatorInput.identifier(
            try arguments.option("--tenant") ?? Identifier.defaultTenant,
            "--tenant"
        )
        let file = try arguments.option("--file")
        var settings = MemoryImport.Configuration()
        settings.adds = try arguments.flag("--add")
        settings.skipsBad = try arguments.flag("--skip-bad")
        let verb = try arguments.require("export, import or stats")
        guard ["export", "import", "stats"].contains(verb) else {
            throw UsageError(
                reason: "a memory can be exported, imported or counted (stats), not \(TerminalText.quoted(verb))"
            )
        }
        let node = MemoryNodeKey(tenantID: tenant, nodeID: try arguments.require("NODE"))
        try arguments.finish()
        guard (1...MemoryNodeKey.nodeBytesMax).contains(node.nodeID.utf8.count) else {
            throw UsageError(reason: "NODE must be 1 to \(MemoryNodeKey.nodeBytesMax) bytes")
        }
        if verb != "import", settings.adds || settings.skipsBad {
            throw UsageError(reason: "--add and --skip-bad go with import only")
        }
        if verb == "stats", file != nil { throw UsageError(reason: "--file goes with export and import only") }
        try await OperatorDatabase.with { database in
            let transfer = MemoryTransfer(database: database, node: node)
            switch verb {
            case "export": try await export(node, transfer, file)
            case "import": try await read(node, transfer, file, settings)
            default: try await count(node, transfer)
            }
        }
    }

    private static func export(_ node: MemoryNodeKey, _ transfer: MemoryTransfer, _ file: String?) async throws {
        try await requireNode(node, transfer)
        var output = try WholeFileWriter(path: file)
        var writer = JSONWriter()
        var vectors = 0
        var symbol: String?
        repeat {
            let page = try await transfer.vectors(after: symbol, limit: pageSize)
            for vector in page { try put(.vector(vector.elements), &writer, output) }
            vectors += page.count
            symbol = page.count < pageSize ? nil : page.last?.symbol
        } while symbol != nil
        var patterns = 0
        var last: StoredPattern?
        repeat {
            let page = try await transfer.patterns(after: last?.pattern.name, limit: pageSize)
            for pattern in page { try put(.pattern(pattern), &writer, output) }
            patterns += page.count
            last = page.count < pageSize ? nil : page.last
        } while last != nil
        try output.finish()
        Console.note("exported \(patterns) patterns and \(vectors) vectors of node \(TerminalText.quoted(node.nodeID))")
    }

    private static func put(_ line: MemoryLine, _ writer: inout JSONWriter, _ output: borrowing WholeFileWriter) throws
    {
        writer.removeAll()
        line.write(to: &writer)
        try output.write(writer.bytes + [UInt8(ascii: "\n")])
    }

    private static func read(
        _ node: MemoryNodeKey,
        _ transfer: MemoryTransfer,
        _ file: String?,
        _ settings: MemoryImport.Configuration
    ) async throws {
        guard try await transfer.tenantExists() else { throw unknownTenant(node) }
        var lines = MemoryImport(into: transfer, configuration: settings)
        try await lines.run(path: file)
        let report = lines.report
        let skipped = report.skipped > 0 ? "; \(report.skipped) lines left out" : ""
        Console.note(
            "imported \(report.patterns) patterns and \(report.vectors) vectors into node "
                + "\(TerminalText.quoted(node.nodeID)), \(report.changed) of them new or changed\(skipped)"
        )
    }

    private static func count(_ node: MemoryNodeKey, _ transfer: MemoryTransfer) async throws {
        try await requireNode(node, transfer)
        guard let held = try await transfer.statistics() else { return }
        let head = ["PATTERNS", "FREQUENCY", "SYMBOLS", "VECTORS", "SESSIONS", "BYTES"]
        let row = [held.patterns, held.frequency, held.symbols, held.vectors, held.sessions, held.bytes]
        for line in TerminalText.table([head, row.map(String.init)]) { Console.print(line) }
    }

    private static func requireNode(_ node: MemoryNodeKey, _ transfer: MemoryTransfer) async throws {
        if try await transfer.nodeExists() { return }
        guard try await transfer.tenantExists() else { throw unknownTenant(node) }
        throw OperatorError(.unknown, "tenant \(node.tenantID) has no node \(TerminalText.quoted(node.nodeID))")
    }

    private static func unknownTenant(_ node: MemoryNodeKey) -> OperatorError {
        OperatorError(.unknown, "there is no tenant \(node.tenantID): parleyctl tenants list shows them")
    }
}
