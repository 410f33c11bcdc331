@testable import Memory

/// The matching written down as plainly as can be, to hold the fast one against.
enum MatchingReference {
    /// The longest common subsequence, by the table of all prefixes.
    static func commonLength(_ pattern: [UInt32], _ state: [UInt32]) -> Int {
        var row = [Int](repeating: 0, count: state.count + 1)
        for symbol in pattern {
            var diagonal = 0
            for (place, other) in state.enumerated() {
                let above = row[place + 1]
                row[place + 1] = symbol == other ? diagonal + 1 : max(above, row[place])
                diagonal = above
            }
        }
        return row[state.count]
    }

    /// `difflib.SequenceMatcher(a=pattern, b=state, autojunk=False).get_matching_blocks()` without the last, empty
    /// block.
    static func blocks(_ pattern: [UInt32], _ state: [UInt32]) -> [MatchingBlock] {
        blocks(pattern, 0..<pattern.count, state, 0..<state.count)
    }

    private static func blocks(
        _ pattern: [UInt32],
        _ patternRange: Range<Int>,
        _ state: [UInt32],
        _ stateRange: Range<Int>
    ) -> [MatchingBlock] {
        var best = MatchingBlock(pattern: 0, state: 0, length: 0)
        for start in patternRange {
            for other in stateRange {
                var length = 0
                while start + length < patternRange.upperBound, other + length < stateRange.upperBound,
                    pattern[start + length] == state[other + length]
                {
                    length += 1
                }
                if length > best.length { best = MatchingBlock(pattern: start, state: other, length: length) }
            }
        }
        guard best.length > 0 else { return [] }
        let patternEnd = best.pattern + best.length
        let stateEnd = best.state + best.length
        return blocks(pattern, patternRange.lowerBound..<best.pattern, state, stateRange.lowerBound..<best.state) + [
            best
        ]
            + blocks(pattern, patternEnd..<patternRange.upperBound, state, stateEnd..<stateRange.upperBound)
    }
}
