/// A run of symbols that a pattern and a state have in common.
package struct MatchingBlock: Sendable, Equatable {
    /// Where it starts in the pattern.
    package let pattern: Int
    /// Where it starts in the state.
    package let state: Int
    /// How many symbols it has, at least 1.
    package let length: Int

    /// Names a block.
    package init(pattern: Int, state: Int, length: Int) {
        self.pattern = pattern
        self.state = state
        self.length = length
    }
}

/// What metrics need of the matching blocks of a pattern and a state.
struct BlockSummary {
    /// How many symbols all blocks have together.
    var matches = 0
    /// How many blocks there are.
    var blocks = 0
    /// Where the first block starts in the pattern; the pattern's length without a block.
    var start = Int.max
    /// Where the last block ends in the pattern.
    var end = 0

    /// Counts a block.
    @inline(__always)
    mutating func add(pattern: Int, state: Int, length: Int) {
        matches += length
        blocks += 1
        start = min(start, pattern)
        end = max(end, pattern + length)
    }
}
