/// Matches one pattern after the other with one state: the longest common subsequence, and the matching blocks.
///
/// The symbols of the state are a bit each, so that one machine word stands for up to 64 of them ("bit-parallel"): the
/// longest common subsequence by Hyyrö's recurrence (H. Hyyrö, "Bit-parallel LCS-length computation revisited", AWOCA
/// 2004, after Crochemore, Iliopoulos, Pinzon and Reid, IPL 80, 2001), the blocks by Ratcliff and Obershelp's recursion
/// as Python's `difflib.SequenceMatcher` without junk does it: the longest common run, of several the one that is first
/// in the pattern, of those the one that is first in the state; then the same to the left and to the right. A run that
/// is found cannot be made longer, so no two blocks touch, and `difflib`'s step that joins such never acts.
///
/// It owns its tables, is made for one query and used by one thread.
struct StateMatcher: ~Copyable {
    /// How many symbols the state has.
    let length: Int
    /// For each symbol of the node its row in `masks`; 0 for one that the state lacks.
    let slots: UnsafeMutablePointer<UInt32>
    /// For each row how often the state has its symbol.
    private(set) var counts: [UInt32] = [0]
    /// For each row the symbol.
    private(set) var symbols: [UInt32] = [PredictionQuery.unknown]

    /// Says when it is too late; then what is found means nothing.
    var meter: WorkMeter
    /// Bits of one row, in words.
    private let width: Int
    private let alphabet: Int
    /// A row of bits for each distinct symbol of the state, where it stands; row 0 has none.
    private let masks: UnsafeMutablePointer<UInt64>
    private let maskCount: Int

    /// The pattern that was loaded last: the row of each of its symbols.
    var patternSlots: UnsafeMutablePointer<UInt32>
    /// The same as bits, when the state fits one word.
    var rows: UnsafeMutablePointer<UInt64>
    /// For each position of the pattern, where common runs of the length in question end in the state.
    var runs: UnsafeMutablePointer<UInt64>
    private var capacity = 256
    /// How long the pattern is that was loaded last.
    private(set) var patternLength = 0
    /// What is left to search of the recursion: ranges of the pattern and of the state.
    var open: [(patternLow: Int, patternHigh: Int, stateLow: Int, stateHigh: Int)] = []
    /// The work space of wide states.
    lazy var wide = WideBlocks(state: stateSlots, rows: symbols.count)
    private var stateSlots: [UInt32] = []
    private var vector: [UInt64]

    /// Whether the state fits one word.
    var isNarrow: Bool { width == 1 }

    /// Makes the tables of a state.
    ///
    /// - Parameters:
    ///   - state: The numbers of its symbols; what is not below `alphabet` matches nothing.
    ///   - alphabet: How many symbols there are.
    ///   - meter: Says when it is too late.
    init(state: [UInt32], alphabet: Int, meter: WorkMeter = WorkMeter(deadline: nil)) {
        self.meter = meter
        length = state.count
        width = max(1, (state.count + 63) / 64)
        self.alphabet = alphabet
        slots = .allocate(capacity: alphabet + 1)
        slots.initialize(repeating: 0, count: alphabet + 1)
        for symbol in state {
            guard Int(symbol) < alphabet else {
                stateSlots.append(0)
                continue
            }
            if slots[Int(symbol)] == 0 {
                slots[Int(symbol)] = UInt32(counts.count)
                counts.append(0)
                symbols.append(symbol)
            }
            counts[Int(slots[Int(symbol)])] += 1
            stateSlots.append(slots[Int(symbol)])
        }
        maskCount = counts.count * width
        masks = .allocate(capacity: maskCount)
        masks.initialize(repeating: 0, count: maskCount)
        for (position, slot) in stateSlots.enumerated() where slot != 0 {
            masks[Int(slot) * width + position / 64] |= 1 << UInt64(position % 64)
        }
        patternSlots = .allocate(capacity: capacity)
        rows = .allocate(capacity: capacity)
        runs = .allocate(capacity: capacity)
        vector = Array(repeating: 0, count: width)
    }

    deinit {
        slots.deallocate()
        masks.deallocate()
        patternSlots.deallocate()
        rows.deallocate()
        runs.deallocate()
    }

    /// Loads a pattern for the calls that follow.
    ///
    /// - Parameter pattern: The numbers of its symbols, each below the alphabet's size; the marks of events do not
    ///   matter.
    mutating func load(_ pattern: UnsafeBufferPointer<UInt32>) {
        let count = pattern.count
        if count > capacity { grow(to: count) }
        patternLength = count
        if isNarrow {
            for position in 0..<count {
                rows[position] = masks[Int(slots[Int(pattern[position] & PatternSegment.symbolBits)])]
            }
        } else {
            for position in 0..<count {
                patternSlots[position] = slots[Int(pattern[position] & PatternSegment.symbolBits)]
            }
        }
    }

    /// The length of the longest common subsequence of the loaded pattern and the state.
    mutating func commonSubsequence() -> Int {
        isNarrow ? narrowSubsequence() : wideSubsequence()
    }

    /// The matching blocks in one line each: what metrics need of them.
    mutating func summary() -> BlockSummary {
        var summary = BlockSummary()
        if isNarrow {
            narrowBlocks { summary.add(pattern: $0, state: $1, length: $2) }
        } else {
            wideBlocks { summary.add(pattern: $0, state: $1, length: $2) }
        }
        return summary
    }

    /// The matching blocks, in order.
    mutating func blocks() -> [MatchingBlock] {
        var blocks: [MatchingBlock] = []
        if isNarrow {
            narrowBlocks { blocks.append(MatchingBlock(pattern: $0, state: $1, length: $2)) }
        } else {
            wideBlocks { blocks.append(MatchingBlock(pattern: $0, state: $1, length: $2)) }
        }
        return blocks.sorted { $0.pattern < $1.pattern }
    }

    private func narrowSubsequence() -> Int {
        // A zero bit for each symbol of the state that the subsequence has so far.
        var vector = UInt64.max
        for position in 0..<patternLength {
            let common = vector & rows[position]
            vector = (vector &+ common) | (vector &- common)
        }
        let used = length == 64 ? UInt64.max : (1 << UInt64(length)) - 1
        return (~vector & used).nonzeroBitCount
    }

    private mutating func wideSubsequence() -> Int {
        let width = width
        let masks = masks
        let pattern = UnsafeBufferPointer(start: patternSlots, count: patternLength)
        let length = length
        var meter = meter
        defer { self.meter = meter }
        return vector.withUnsafeMutableBufferPointer { vector in
            vector.update(repeating: .max)
            for slot in pattern where slot != 0 {
                meter.spend(width)
                if meter.isOver { break }
                let mask = masks + Int(slot) * width
                var carry: UInt64 = 0
                for word in 0..<width {
                    let old = vector[word]
                    let common = old & mask[word]
                    let (partial, overflow) = old.addingReportingOverflow(common)
                    let (sum, second) = partial.addingReportingOverflow(carry)
                    carry = overflow || second ? 1 : 0
                    vector[word] = sum | (old & ~common)
                }
            }
            var zeros = 0
            for word in 0..<width { zeros += (~vector[word]).nonzeroBitCount }
            // Bits beyond the state are never cleared, except by a carry that runs out of its last word: mask them.
            let rest = length % 64
            if rest != 0 { zeros -= (~vector[width - 1] & ~((1 << UInt64(rest)) - 1)).nonzeroBitCount }
            return zeros
        }
    }

    private mutating func grow(to count: Int) {
        capacity = count
        patternSlots.deallocate()
        rows.deallocate()
        runs.deallocate()
        patternSlots = .allocate(capacity: capacity)
        rows = .allocate(capacity: capacity)
        runs = .allocate(capacity: capacity)
    }
}
