import JSON
import Memory
import MemoryStore

/// Imports lines in batches, each one transaction; holds one batch at a time.
struct MemoryImport {
    /// How an import goes.
    struct Configuration: Sendable {
        /// Whether patterns are added to those that are there, instead of taking their place.
        var adds = false
        /// Whether lines that cannot be imported are left out; else the import ends at the first.
        var skipsBad = false
        /// Lines of a batch; 500.
        var batchLines = 500
        /// Bytes of lines after which a batch is written, however few lines they are; 4 MiB.
        var batchBytes = 4 << 20
        /// Bytes of a line; 16 MiB.
        var lineBytesMax = 16 << 20
    }

    /// What came of it.
    struct Report: Equatable {
        /// Patterns that were read and are in the node now.
        var patterns = 0
        /// Vectors that were read and are in the node now.
        var vectors = 0
        /// How many of both are new or changed.
        var changed = 0
        /// Lines that were left out.
        var skipped = 0
    }

    private let transfer: MemoryTransfer
    private let configuration: Configuration
    private(set) var report = Report()
    private var line = 0
    private var patterns: [StoredPattern] = []
    private var vectors: [[Double]] = []
    private var names: Set<PatternName> = []
    private var symbols: Set<String> = []
    private var bytes = 0

    init(into transfer: MemoryTransfer, configuration: Configuration) {
        self.transfer = transfer
        self.configuration = configuration
    }

    /// Imports all lines of a file; of standard input for nil.
    ///
    /// - Throws: ``OperatorError`` `file` at a line that cannot be imported, when those before it are; `PostgresError`.
    mutating func run(path: String?) async throws {
        var reader = try LineReader(path: path, bytesMax: configuration.lineBytesMax)
        while let next = try reader.next() {
            line += 1
            do {
                switch next {
                case .tooLong:
                    throw MemoryLineError(reason: "is longer than \(configuration.lineBytesMax) bytes")
                case .line(let text):
                    if text.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { continue }
                    try await take(try MemoryLine(text), bytes: text.count)
                }
            } catch let error as MemoryLineError {
                let problem = "line \(line): \(TerminalText.clipped(error.reason, max: 500))"
                guard configuration.skipsBad else {
                    line -= 1
                    try await flush()
                    throw OperatorError(.file, "\(problem); the \(line) lines before it are imported")
                }
                Console.note(problem)
                report.skipped += 1
            }
        }
        try await flush()
    }

    private mutating func take(_ entry: MemoryLine, bytes added: Int) async throws {
        // A statement can change a row once only; what comes last counts, or is added last.
        switch entry {
        case .pattern(let pattern):
            if names.contains(pattern.pattern.name) { try await flush() }
            names.insert(pattern.pattern.name)
            patterns.append(pattern)
        case .vector(let vector):
            let symbol = VectorSymbol.make(vector)
            if symbols.contains(symbol) { try await flush() }
            symbols.insert(symbol)
            vectors.append(vector)
        }
        bytes += added
        if patterns.count + vectors.count >= configuration.batchLines || bytes >= configuration.batchBytes {
            try await flush()
        }
    }

    private mutating func flush() async throws {
        if !patterns.isEmpty || !vectors.isEmpty {
            report.changed += try await transfer.write(patterns, vectors: vectors, adds: configuration.adds)
        }
        report.patterns += patterns.count
        report.vectors += vectors.count
        patterns.removeAll(keepingCapacity: true)
        vectors.removeAll(keepingCapacity: true)
        names.removeAll(keepingCapacity: true)
        symbols.removeAll(keepingCapacity: true)
        bytes = 0
    }
}
