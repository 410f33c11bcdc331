import JSON
import Memory

/// What a node has learned, as far as this process has seen.
struct MemoryNode: Sendable {
    /// What was read of a node in one piece.
    struct Piece: Sendable {
        /// The number of the node's last change.
        var lastSeq: Int64
        /// What has a number up to this one is forgotten.
        var clearedSeq: Int64
        /// Patterns, in the order of their numbers, with the affinity that their symbols have by them.
        var patterns: [(seq: Int64, pattern: Pattern, affinity: [String: Double])] = []
        /// Vectors, in the order of their numbers.
        var vectors: [(seq: Int64, symbol: String, elements: [Double])] = []
    }

    /// The patterns.
    private(set) var patterns = PatternIndex()
    /// The vectors.
    private(set) var vectors = VectorIndex()
    /// Every change with a number up to this one is in here.
    private(set) var patternsSeq: Int64 = 0
    /// The same for vectors.
    private(set) var vectorsSeq: Int64 = 0
    private(set) var clearedSeq: Int64 = 0
    /// Why it is not used, when it is too large.
    private(set) var refusal: MemoryError?
    /// What the symbols have by each pattern, for the few that have anything.
    private var shares = AffinityShares()

    /// Whether nothing has changed since.
    func isUpToDate(_ lastSeq: Int64) -> Bool {
        refusal != nil || (patternsSeq >= lastSeq && vectorsSeq >= lastSeq)
    }

    /// Lets everything go, because it is too much; it is read again after it was cleared.
    mutating func giveUp(bytesMax: Int) {
        let mark = clearedSeq
        self = MemoryNode()
        clearedSeq = mark
        refusal = MemoryError(
            .indexFull,
            "what the node has learned takes more than the \(bytesMax >> 20) MB of memory that a node may take here: "
                + "use several nodes, or have PARLEY_MEMORY_INDEX_MAX raised"
        )
    }

    /// It has been cleared: what was refused may be used again.
    mutating func cleared(_ seq: Int64) {
        if refusal != nil, seq > clearedSeq { refusal = nil }
    }

    /// Roughly how much room it takes, in bytes.
    var weight: Int { 256 + patterns.memoryBytes + vectors.memoryBytes + shares.memoryBytes }

    /// Takes in what was read.
    /// - Parameters:
    ///   - piece: What was read.
    ///   - piecesMax: The most patterns, and the most vectors, that could have been in it: as many mean that there may
    ///     be more.
    /// - Throws: ``MemoryError`` when the node holds more than an index can.
    mutating func take(_ piece: Piece, piecesMax: Int) throws(MemoryError) {
        if piece.clearedSeq > clearedSeq {
            self = MemoryNode()
            clearedSeq = piece.clearedSeq
        }
        for entry in piece.patterns {
            try patterns.upsert(entry.pattern)
            shares.set(entry.affinity, by: entry.pattern)
        }
        for (symbol, affinity) in shares.takeChanges() {
            patterns.setAffinity(of: symbol, affinity)
        }
        for entry in piece.vectors {
            vectors.insert(entry.elements, symbol: entry.symbol)
        }
        let isWhole = piece.patterns.count < piecesMax
        patternsSeq = max(patternsSeq, isWhole ? piece.lastSeq : piece.patterns.last?.seq ?? 0)
        let hasAllVectors = piece.vectors.count < piecesMax
        vectorsSeq = max(vectorsSeq, hasAllVectors ? piece.lastSeq : piece.vectors.last?.seq ?? 0)
    }
}
